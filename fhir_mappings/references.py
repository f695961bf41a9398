"""References between resources, read as clients write them."""

import re
from functools import lru_cache
from typing import NamedTuple

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


class LocalName(NamedTuple):
    """What a reference points to on its own server."""

    type: str | None  # None: a urn or a bare id
    id: str


@lru_cache(maxsize=4096)  # every resource of a call refers to the same patient
def local_name(reference: str) -> LocalName:
    """Read "Type/id", an absolute URL, a version of one, a urn or a bare id."""
    stem = reference.partition("?")[0].partition("/_history/")[0].strip("/")
    if stem.lower().startswith("urn:"):
        return LocalName(None, stem.rpartition(":")[2])
    head, slash, last = stem.rpartition("/")
    return LocalName(head.rpartition("/")[2] if slash else None, last)


def points_to(reference: str | None, resource_type: str, resource_id: str | None) -> bool:
    """Whether the reference can only mean that resource, as far as type and id tell."""
    if not reference or not resource_id or reference.startswith("#"):
        return False
    name = local_name(reference)
    return name.type in (None, resource_type) and name.id == local_name(resource_id).id


def place_of(resource_type: str, resource_id: object) -> str:
    """How a gap names the resource: "Condition/123", or the type when the id is not a FHIR id."""
    if resource_type != "Patient" and isinstance(resource_id, str) and _ID.fullmatch(resource_id):
        return f"{resource_type}/{resource_id}"
    return resource_type
