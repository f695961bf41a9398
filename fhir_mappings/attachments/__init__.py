"""The bytes of a clinical document to plain text. Pure: no network, no database, no model.

What is hostile takes time and memory here, for its libraries have no clock; the service reads
everything but plain text in `cds_service.notes.reading_room`.
"""

from fhir_mappings.attachments.kinds import Kind, kind_of
from fhir_mappings.attachments.reading import text_of
from fhir_mappings.attachments.unread import LARGEST_BYTES, LARGEST_TEXT, UnreadText

__all__ = ["LARGEST_BYTES", "LARGEST_TEXT", "Kind", "UnreadText", "kind_of", "text_of"]
