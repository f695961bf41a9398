"""DocumentReference to Document: which clinical documents count, and where their bytes are.

Current ones that are final or amended; discharge summaries, histories and physicals, progress,
consultation and emergency notes, by LOINC type; of the call's encounter or of the last year; the
newest first, as many as a call reads. What is superseded, replaced, preliminary, entered in error,
or another patient's is never read. What was passed over is a gap, and what could not be read is
one that is shown: nobody knows which allergies it told of.
"""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from fhir_mappings.attachments import LARGEST_BYTES
from fhir_mappings.elements import Element
from fhir_mappings.inputs import Attachment, Call
from fhir_mappings.pool import reference_to
from fhir_mappings.record import Document, Gap
from fhir_mappings.references import local_name, points_to

MOST = 10  # documents of a call
LARGEST_SUM = 10_000_000  # bytes of all documents of a call
YEAR = timedelta(days=365)
_LOINC = "http://loinc.org"
_STATES = frozenset({"", "final", "amended", "corrected", "appended"})
_WORDS_OF = {
    "superseded": "superseded",
    "preliminary": "preliminary",
    "entered-in-error": "entered in error",
}
_NOT_CHECKED = Gap(
    kind="note-not-checked",
    where="documents",
    meaning="A note could not be read: an allergy that only it tells of was not checked.",
    shown=True,
)
_TYPES: Mapping[str, frozenset[str]] = {
    "discharge summary": frozenset({"18842-5", "11490-0", "28655-9", "34105-7", "34106-5",
                                    "29761-4", "28574-2", "68817-6"}),
    "history and physical": frozenset({"34117-2", "11492-6", "47039-3", "51849-8", "28626-0",
                                       "34774-0", "34115-6", "64297-5", "68814-3"}),
    "progress note": frozenset({"11506-3", "18733-6", "28570-0", "34130-5", "34131-3", "15507-7",
                                "28636-9", "51847-2", "51848-0", "34109-9", "85208-7"}),
    "consultation": frozenset({"11488-4", "34099-2", "34100-8", "34749-2", "34879-7", "34104-0",
                               "34140-4", "34133-9", "57133-1", "34812-8", "34752-6"}),
    "emergency note": frozenset({"34111-5", "28568-4", "51846-4", "60280-5", "34878-9"}),
}  # fmt: skip
_CODES = frozenset().union(*_TYPES.values())
_WORDS = re.compile(
    r"discharge|summary|history|h\s*&\s*p|physical|progress|consult|admission|emergency|clinic|"
    r"office visit|referral|transfer|note\b|letter",
    re.IGNORECASE,
)
# forms of one document, the plainest first; a form that is no text comes last
_FORMS = ("text/plain", "text/html", "application/xhtml+xml", "text/xml", "application/xml",
          "application/hl7", "text/rtf", "application/rtf", "application/pdf")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """A document that counts, and the form of it that is read."""

    element: Element
    attachment: Element
    written: datetime | None

    @property
    def url(self) -> str | None:
        """Where its bytes are, when they are not in the resource."""
        return None if self.attachment.has("data") else self.attachment.text("url")


def choose_documents(call: Call) -> tuple[Chosen, ...]:
    """The documents that count, newest first."""
    chosen = [_form(element) for element in _standing(call) if _counts(element, call)]
    oldest = datetime.min.replace(tzinfo=UTC)
    ordered = sorted(chosen, key=lambda one: one.written or oldest, reverse=True)
    for one in ordered[MOST:]:
        meaning = f"only the newest {MOST} documents were read, and this one is older"
        call.gaps.add("note-not-chosen", one.element.where, meaning)
    return tuple(ordered[:MOST])


def map_documents(call: Call) -> tuple[Document, ...]:
    """The chosen documents with their bytes, as many as a call takes; the others become gaps."""
    found, unread, size = [], [], 0
    for one in choose_documents(call):
        attachment, reason = _bytes_of(one, call)
        if attachment and size + len(attachment.data) > LARGEST_SUM:
            attachment, reason = None, f"newer ones took up the {LARGEST_SUM} bytes that are read"
        if attachment is None:
            unread.append((one.element.where, reason))
            continue
        size += len(attachment.data)
        found.append(
            Document(
                data=attachment.data,
                content_type=attachment.content_type,
                loinc=one.element.codeable("type").code_in(_LOINC),
                written=one.written,
                reference=reference_to(one.element),
            )
        )
    for gap in unread_gaps(unread):
        call.gaps.add(gap.kind, gap.where, gap.meaning.rstrip("."), shown=gap.shown)
    return tuple(found)


def unread_gaps(unread: Sequence[tuple[str, str]]) -> tuple[Gap, ...]:
    """Why each of these documents, by place and reason, was not read; and one line for the cards.

    Whatever other notes were read, an allergy that stands in this one was not checked.
    """
    reasons = [
        Gap(kind="note-not-read", where=where, meaning=f"A document was not read: {reason}.")
        for where, reason in unread
    ]
    return tuple(reasons + [replace(_NOT_CHECKED, where=where) for where, _ in unread[:1]])


def _standing(call: Call) -> list[Element]:
    """The documents that hold; of the others, a gap says how many and why."""
    elements = call.pool.of_type("DocumentReference")
    replaced = {name for element in elements for name in _replaces(element)}
    states = [_state(element, replaced) for element in elements]
    for state, count in Counter(state for state in states if state).items():
        meaning = f"documents that are {state} were not read: {count}"
        call.gaps.add("note-not-chosen", "documents", meaning)
    return [element for element, state in zip(elements, states, strict=True) if not state]


def _state(element: Element, replaced: Collection[str]) -> str | None:
    """Why a document does not hold; None where it does."""
    status = (element.text("status") or "current").lower()
    if status != "current":
        return _WORDS_OF.get(status, "of another status")
    written = (element.text("docStatus") or "").lower()
    if written not in _STATES:
        return _WORDS_OF.get(written, "of another status")
    return "replaced by another" if element.text("id") in replaced else None


def _is_current(element: Element) -> bool:
    return _state(element, ()) is None


def _replaces(element: Element) -> tuple[str, ...]:
    """The ids of the documents that a current one replaces."""
    if not _is_current(element):
        return ()
    related = (one for one in element.many("relatesTo") if one.text("code") == "replaces")
    targets = (one.reference("target") for one in related)
    return tuple(local_name(target).id for target in targets if target)


def _counts(element: Element, call: Call) -> bool:
    """Whether type and time are those of a note that is read; a gap says when they are not."""
    kind = element.codeable("type")
    codes = {code for system, code in kind.pairs if system == _LOINC}
    is_wanted = codes & _CODES if codes else not kind.display or _WORDS.search(kind.display)
    if not is_wanted:
        call.gaps.add("note-not-chosen", element.where, "a document of another type was not read")
        return False
    written = _written(element)
    if written is None or call.decided_at - written <= YEAR or _is_of_encounter(element, call):
        return True
    call.gaps.add("note-not-chosen", element.where, "a document older than a year was not read")
    return False


def _is_of_encounter(element: Element, call: Call) -> bool:
    named = element.one("context").many("encounter")
    return any(points_to(one.text("reference"), "Encounter", call.encounter_id) for one in named)


def _form(element: Element) -> Chosen:
    """The plainest form of a document that has something to read."""
    forms = [content.one("attachment") for content in element.many("content")]
    with_something = [form for form in forms if form.has("data", "url")] or forms
    nothing = element.one("no attachment")
    form = min(with_something, key=_plainness, default=nothing)
    return Chosen(element, form, _written(element, form))


def _plainness(form: Element) -> int:
    kind = (form.text("contentType") or "").lower()
    return next((n for n, known in enumerate(_FORMS) if kind.startswith(known)), len(_FORMS))


def _written(element: Element, attachment: Element | None = None) -> datetime | None:
    period = element.one("context").one("period")
    return (
        element.moment("date")
        or (attachment.moment("creation") if attachment else None)
        or period.moment("end", "start")
    )


def _refusal(element: Element, call: Call) -> str | None:
    """Why a document is not this patient's to read: its subject is of another server."""
    subject = element.reference("subject")
    if subject is None or subject.startswith("#"):
        meaning = "a document names no patient: it counts as this one's, as the client sent it"
        call.gaps.add("note-without-patient", element.where, meaning)
        return None
    there = call.attachments.get(subject)
    return there.failure if there else None


def _bytes_of(chosen: Chosen, call: Call) -> tuple[Attachment | None, str]:
    """The bytes of a document, or why there are none."""
    refused = _refusal(chosen.element, call)
    if refused is not None:
        return None, refused
    declared = chosen.attachment.text("contentType") or ""
    if chosen.attachment.has("data"):
        return _decoded(chosen.attachment.text("data") or "", declared)
    if chosen.url is None:
        return None, "it has no content"
    there = call.attachments.get(chosen.url)
    if there is None:
        return None, "its text is at a place that was not read"
    if there.failure is not None:
        return None, there.failure
    kind = there.content_type
    return Attachment(data=there.data, content_type=declared or kind), ""


def _decoded(data: str, content_type: str) -> tuple[Attachment | None, str]:
    if len(data) > LARGEST_BYTES * 4 // 3 + 4:
        return None, f"it is larger than {LARGEST_BYTES} bytes"
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return None, "its data is not base64"
    return Attachment(data=raw, content_type=content_type), ""
