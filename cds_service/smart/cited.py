"""The resources that advice rests on, as they stand in the record now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.cards.parts import relative_reference
from cds_service.prefetch.bundles import Resource
from cds_service.prefetch.fhir_client import FhirClient, FhirServer, Query
from cds_service.prefetch.sifting import date_of
from cds_service.prefetch.whose import Whose
from cds_service.reviewer.shown.values import Json, mapping, mappings, text
from cds_service.smart.sessions import Session
from fhir_mappings.versions import as_r4
from lamo.deadline import Deadline

MOST = 40  # resources that are shown of one decision
READ_MS = 3000.0
NAMED_BY = ("code", "medicationCodeableConcept", "vaccineCode", "type")
GONE = "does not have it"  # as outbound/visit.py words it
ANOTHERS = "is about another patient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """One resource; all texts are the EHR's."""

    reference: str
    says: str = ""
    dated: str = ""
    status: str = ""
    used_by: Sequence[str] = ()  # rules and candidates
    unread: str = ""  # why it could not be read; completes "the FHIR server ..."


def citations(body: Json) -> dict[str, list[str]]:
    """Which references a decision rests on, and what each was used by."""
    found: dict[str, list[str]] = {}
    for finding in mappings(body.get("findings")):
        because = finding.get("because")
        named = because if isinstance(because, list) else []
        for reference in (finding.get("medication"), *named):
            _note(found, reference, text(finding.get("rule")))
    for row in mappings(body.get("explained")):
        _note(found, row.get("fact"), text(row.get("label")))
    return found


def read_cited(
    wanted: Mapping[str, Sequence[str]],
    known: Mapping[str, Resource],
    session: Session,
    fhir: FhirClient,
) -> list[Cited]:
    """What the references lead to, each from what was read already or by itself, all at once.

    Args:
        wanted: references, and what each was used by.
        known: resources by reference.
        session: whose token reads, and whose patient they have to be about.
        fhir: reads.
    """
    shown = dict(list(wanted.items())[:MOST])
    unread = [Query(key=one, url=one, whole=False) for one in shown if one not in known]
    server = FhirServer(base=session.base, token=session.token)
    pages = fhir.read_all(server, unread, Deadline.after_ms(READ_MS)) if unread else {}
    whose = Whose(patient_id=session.patient_id, base=session.base)
    found = []
    for reference, used_by in shown.items():
        page = pages.get(reference)
        resource = known.get(reference) or (page.pages[0] if page and page.pages else None)
        why = (page and page.failure) or "gave another resource"
        if why == GONE and reference.startswith("MedicationRequest/"):
            why = f"{GONE}: a draft is in no record before it is signed"
        found.append(_cited(reference, used_by, resource, why, whose))
    return found


def _note(found: dict[str, list[str]], reference: object, user: str) -> None:
    named = relative_reference(reference if isinstance(reference, str) else None)
    if named is not None and user not in found.setdefault(named, []):
        found[named].append(user)


def _cited(
    reference: str, used_by: Sequence[str], resource: Resource | None, why: str, whose: Whose
) -> Cited:
    if resource is None or f"{resource.get('resourceType')}/{resource.get('id')}" != reference:
        return Cited(reference=reference, used_by=used_by, unread=why)
    if whose.is_anothers(resource):
        return Cited(reference=reference, used_by=used_by, unread=f"gave what {ANOTHERS}")
    plain = as_r4(resource)
    return Cited(
        reference=reference,
        says=_says(plain),
        dated=date_of(plain)[:10],
        status=_status(plain),
        used_by=used_by,
    )


def _says(resource: Mapping[str, Any]) -> str:
    """Its name, in the words of the EHR."""
    for member in NAMED_BY:
        if name := concept_text(resource.get(member)):
            return name
    return text(mapping(resource.get("medicationReference")).get("display"))


def _status(resource: Mapping[str, Any]) -> str:
    return text(resource.get("status")) or concept_text(resource.get("clinicalStatus"))


def concept_text(value: object) -> str:
    """The words of a CodeableConcept; empty where there are none."""
    concept = mapping(value)
    displays = [
        text(one.get("display") or one.get("code")) for one in mappings(concept.get("coding"))
    ]
    return text(concept.get("text")) or next(filter(None, displays), "")
