"""Documents about a patient of another FHIR server: the same id there is another person."""

from collections.abc import Mapping, Sequence
from typing import Any

from cds_service.outbound.urls import is_under
from fhir_mappings.inputs import Attachment

ELSEWHERE = Attachment(failure="its patient is one of another FHIR server")


def subjects_elsewhere(documents: Sequence[Mapping[str, Any]], base: str) -> dict[str, Attachment]:
    """The absolute subjects of documents that do not stand under the base, each refused.

    They go with what was fetched, by URL as sent: where an URL is known not to be read, the
    document that it belongs to is not.
    """
    named = (_subject(document) for document in documents)
    return {url: ELSEWHERE for url in named if _is_absolute(url) and not is_under(url, base)}


def _subject(document: Mapping[str, Any]) -> str:
    subject = document.get("subject")
    reference = subject.get("reference") if isinstance(subject, Mapping) else subject
    return reference.strip() if isinstance(reference, str) else ""


def _is_absolute(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))
