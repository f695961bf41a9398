"""Resources of other FHIR versions, written as R4 before a mapper reads them.

Which version a resource is of shows in its shape: one that has no element in a shape of another
version reads as R4, which is R4B's too. What R4 has no place for stays as it stands, and the mapper
that cannot read it makes the gap.
"""

from collections.abc import Iterable
from typing import get_args

from fhir_mappings.version_rows import Resource, Row, Version, matching, rewritten
from fhir_mappings.version_table import ROWS

__all__ = ["Version", "as_r4", "versions_of"]


def as_r4(resource: Resource) -> Resource:
    """The resource as R4 writes it: itself where it reads as R4, else a copy.

    Never raises, and never changes what it is given.
    """
    found = matching(_rows_for(resource), resource)
    return rewritten(found, resource) if found else resource


def versions_of(resources: Iterable[Resource]) -> tuple[Version, ...]:
    """Every version that these resources show, the oldest first; R4 where none shows another."""
    seen = {_version_of(resource) for resource in resources}
    return tuple(version for version in get_args(Version) if version in seen) or ("R4",)


def _version_of(resource: Resource) -> Version | None:
    found = matching(_rows_for(resource), resource)
    return next((row.version for row in found if row.version), None)


def _rows_for(resource: Resource) -> tuple[Row, ...]:
    kind = resource.get("resourceType")
    return ROWS.get(kind, ()) if isinstance(kind, str) else ()
