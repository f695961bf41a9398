"""The patient as the EHR has them now, read under the token of whoever looks.

The same rooms as of a hook call, in the same order; but for drafts, which no server has yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cds_service.audit.reading import StoredEvent
from cds_service.decision import hook_resources, mapped_record
from cds_service.errors import ServiceError
from cds_service.hooks.request import HookRequest
from cds_service.prefetch.attached import read_attachments
from cds_service.prefetch.complete import complete_prefetch
from cds_service.reviewer.shown.values import text
from cds_service.smart.sessions import Session
from cds_service.tools import Tools
from fhir_mappings.record import Gap, PatientRecord
from lamo.deadline import Deadline
from lamo.explanation import Omission, as_shown, omissions_of
from lamo.notes.digest import NoteDigest
from lamo.prompts import Prompt, render_prompt

READ_MS = 4000.0
NOTES_SHARE = 0.5  # of what is left then, at most

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What could be read, and what could not."""

    resources: Mapping[str, Resource]  # by "Type/id"
    gaps: tuple[Gap, ...]
    prompt: Prompt
    shown: tuple[PatientRecord, NoteDigest | None]  # as far as the prompt shows the patient
    facts: Sequence[Omission]  # of the prompt


class NotRead(Exception):  # noqa: N818 - a situation, named as such
    """The record could not be read; says why, without a word of it."""


def read_live(
    session: Session, stored: StoredEvent, bases: Sequence[str], tools: Tools, now: datetime
) -> Live:
    """Read the record that the decision was made from, as it stands now.

    Raises:
        NotRead: not even who the patient is could be read.
    """
    deadline, request = Deadline.after_ms(READ_MS), _request(session, stored)
    try:
        found = complete_prefetch(request, bases, tools.fhir, deadline)
    except ServiceError as refused:
        raise NotRead("the EHR's FHIR server did not give the patient") from refused
    attached = read_attachments(request, bases, found, tools, deadline)
    mapped, odd = mapped_record(hook_resources(request, found, attached, now), tools)
    record, digest, _, unread = tools.notes.read(mapped, deadline.share(NOTES_SHARE))
    prompt, cut = render_prompt(record, digest, tools.prompts)
    shown = as_shown(record, digest, prompt, cut)
    return Live(
        resources={
            f"{one.get('resourceType')}/{one.get('id')}": one
            for some in found.resources.values()
            for one in some
        },
        gaps=(*found.gaps, *odd, *unread, *cut),
        prompt=prompt,
        shown=shown,
        facts=tuple(omissions_of(*shown)),
    )


def _request(session: Session, stored: StoredEvent) -> HookRequest:
    """A call of the same hook that sends nothing, so that everything is read."""
    body = stored.body
    return HookRequest(
        service_id=text(body.get("service_id")),
        hook=text(body.get("hook")),
        hook_instance=text(body.get("hook_instance")),
        user_id=session.user,
        patient_id=session.patient_id,
        encounter_id=body.get("encounter_id"),
        fhir_server=session.base,
        fhir_authorization=session.token,
    )
