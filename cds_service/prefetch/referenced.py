"""Medications that orders only refer to, read one by one from the FHIR server."""

import re
from collections.abc import Iterable

from cds_service.prefetch.bundles import Resource
from cds_service.prefetch.fhir_client import FhirClient, FhirServer, Query
from fhir_mappings.record import Gap
from fhir_mappings.versions import as_r4
from lamo.deadline import Deadline

REFERENCED = "referenced"  # where the resources stand, beside the prefetch keys
MAX_REFERENCED = 24
MEDICATION = re.compile(r"Medication/(?!\.{1,2}$)[A-Za-z0-9\-.]{1,64}", re.ASCII)
NOT_READ = Gap(
    kind="medications-not-read",
    where=REFERENCED,
    meaning="Some medications are only referred to, and not all references could be read.",
)


def unread_medications(known: Iterable[Resource], base: str) -> tuple[str, ...]:
    """References to medications of this server that are not among the resources, each once."""
    known = tuple(known)
    there = {f"{resource.get('resourceType')}/{resource.get('id')}" for resource in known}
    named = dict.fromkeys(name for resource in known if (name := _medication_named(resource, base)))
    return tuple(name for name in named if name not in there)


def read_medications(
    names: tuple[str, ...], fhir: FhirClient, server: FhirServer, deadline: Deadline
) -> tuple[tuple[Resource, ...], tuple[Gap, ...]]:
    """Read the medications; a gap says when some are missing."""
    queries = [Query(key=name, url=name, whole=False) for name in names[:MAX_REFERENCED]]
    found = fhir.read_all(server, queries, deadline)
    pages = [page for answer in found.values() for page in answer.pages]
    medications = tuple(page for page in pages if page.get("resourceType") == "Medication")
    return medications, () if len(medications) == len(names) else (NOT_READ,)


def _medication_named(resource: Resource, base: str) -> str | None:
    reference = as_r4(resource).get("medicationReference")
    text = reference.get("reference") if isinstance(reference, dict) else None
    name = text.removeprefix(f"{base}/") if isinstance(text, str) else ""
    return name if MEDICATION.fullmatch(name) else None
