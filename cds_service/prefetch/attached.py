"""The bytes of notes that the CDS Client's DocumentReferences only point to."""

from collections.abc import Mapping, Sequence

from cds_service.hooks.request import HookRequest
from cds_service.notes.subjects import subjects_elsewhere
from cds_service.prefetch.complete import NO_SERVER, NOT_ALLOWED, Prefetched
from cds_service.prefetch.fhir_client import FhirServer
from cds_service.tools import Tools
from fhir_mappings.inputs import Attachment, HookResources
from fhir_mappings.mapping import attachment_urls
from lamo.deadline import Deadline

MOST = 10  # documents of a call


def read_attachments(
    request: HookRequest,
    bases: Sequence[str] | None,
    prefetched: Prefetched,
    tools: Tools,
    deadline: Deadline,
) -> Mapping[str, Attachment]:
    """Fetch what the documents that count point to, by URL; what could not be had says why.

    Among them stand the subjects that are of another server than the call's: their documents are
    not read.
    """
    base = request.fhir_server
    found = prefetched.resources.get("documents", ())
    elsewhere = subjects_elsewhere(found, base) if base else {}
    documents = HookResources(
        patient_id=request.patient_id,
        encounter_id=request.encounter_id,
        decided_at=tools.clock(),
        prefetched={"documents": found},
        draft_orders=(),
    )
    urls = attachment_urls(documents, tools.tables)[:MOST]
    why = NO_SERVER if base is None else request.token_fault or NOT_ALLOWED
    may_read = base and not request.token_fault and tools.fhir.may_read(base, bases)
    if not urls or base is None or not may_read:
        unread = Attachment(failure=f"its text is elsewhere, and {why}")
        return dict.fromkeys(urls, unread) | elsewhere
    server = FhirServer(base=base, token=request.fhir_authorization)
    files = tools.fhir.read_files(server, urls, deadline)
    return {
        url: Attachment(data=file.data, content_type=file.content_type, failure=file.failure)
        for url, file in files.items()
    } | elsewhere
