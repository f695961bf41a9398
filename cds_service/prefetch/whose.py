"""Whose a resource is: nothing of another patient than the one in context is ever used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.outbound.urls import is_under
from fhir_mappings.elements import Element
from fhir_mappings.gaps import Gaps
from fhir_mappings.pool import Pool

ABSOLUTE = ("http://", "https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Tells the resources of one patient from those of others."""

    patient_id: str  # context.patientId
    base: str | None = None  # fhirServer: the same id on another server is another patient

    def is_anothers(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource is about anyone else; one without a subject is the patient's."""
        subject = resource.get("subject") or resource.get("patient")
        if isinstance(subject, dict) and subject.get("reference") == f"Patient/{self.patient_id}":
            return False  # as nearly all are, and there may be thousands
        gaps = Gaps()
        element = Element(resource, "", gaps)
        named = element.reference("subject") or element.reference("patient") or ""
        is_elsewhere = self.base and named.startswith(ABSOLUTE) and not is_under(named, self.base)
        return bool(is_elsewhere) or Pool(self.patient_id, gaps).is_another_patients(element)
