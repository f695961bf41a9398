"""Recorded hook calls, posted again: what comes back, and what differs from the recorded answer.

A recording is a hook call as JSON, or an object with the call as `body` and, where it is known,
its answer as `response` (`status`, `body`); what else stands in it is left alone.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from cds_service.cds_client.answer import Answer, Json, plain
from cds_service.cds_client.client import CallFailed, CdsClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One hook call from a file."""

    name: str  # of the file
    call: Json
    status: int | None = None  # of the recorded answer
    cards: Sequence[Json] | None = None  # of the recorded answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came back."""

    recording: Recording
    service_id: str
    answer: Answer
    differences: Sequence[str]  # to the recorded answer, a line each; none without one

    @property
    def is_ok(self) -> bool:
        """Whether it was answered, and as recorded where that is known."""
        wanted = self.recording.status or 200
        return self.answer.status == wanted and not self.differences

    def to_json(self) -> Json:
        """As `--json` prints it."""
        return {
            "file": self.recording.name,
            "service": self.service_id,
            "status": self.answer.status,
            "ms": round(self.answer.ms),
            "cards": self.answer.cards,
            "refused": self.answer.diagnostics,
            "differences": list(self.differences),
        }


def recordings_in(path: Path) -> Iterator[Recording]:
    """The hook calls of a file or, in order, of every JSON file of a folder.

    What is no hook call, as feedback, is left out of a folder.

    Raises:
        CallFailed: the file holds none, or the folder.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    found = [_recording(file) for file in files]
    if not any(found):
        raise CallFailed(
            f"{path.name} holds no hook call: wanted JSON with the members hook and context, or "
            "with such a call as body"
        )
    yield from (one for one in found if one)


def replay(
    recording: Recording,
    client: CdsClient,
    find: Callable[[str], Json],
    *,
    fhir_base: str | None = None,
) -> Replayed:
    """Post a recorded call with a hookInstance of its own.

    Args:
        recording: the call.
        client: that calls.
        find: the service for a hook.
        fhir_base: in place of the recorded fhirServer, whose token is not sent then.

    Raises:
        CallFailed: no answer, or no service for the hook.
    """
    call = recording.call | {"hookInstance": str(uuid4())}
    if fhir_base is not None:
        call = {name: value for name, value in call.items() if name != "fhirAuthorization"}
        call["fhirServer"] = fhir_base
    service_id = str(find(str(call["hook"])).get("id"))
    answer = client.call(service_id, call)
    return Replayed(
        recording=recording,
        service_id=service_id,
        answer=answer,
        differences=list(_differences(recording, answer)),
    )


def record(replayed: Replayed, folder: Path) -> None:
    """Write a call with its answer, so that a later replay tells what has changed since."""
    answer = replayed.answer
    recording = {
        "body": replayed.recording.call,
        "response": {"status": answer.status, "body": answer.body},
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(recording, indent=1, ensure_ascii=False)
    (folder / replayed.recording.name).write_text(text + "\n", encoding="utf-8")


def _recording(file: Path) -> Recording | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise CallFailed(f"{file.name} is not JSON in UTF-8: give a recorded hook call") from None
    found = found if isinstance(found, dict) else {}
    call = found.get("body", found)
    if not isinstance(call, dict) or "hook" not in call:
        return None
    response = found.get("response") or {}
    cards = (response.get("body") or {}).get("cards")
    return Recording(name=file.name, call=call, status=response.get("status"), cards=cards)


def _differences(recording: Recording, answer: Answer) -> Iterator[str]:
    if recording.status is not None and recording.status != answer.status:
        yield f"the status was {recording.status}, and is {answer.status}"
    if recording.cards is None:
        return
    before, now = Counter(map(_told, recording.cards)), Counter(map(_told, answer.cards))
    yield from (f"no longer there: {one}" for one in (before - now).elements())
    yield from (f"new: {one}" for one in (now - before).elements())


def _told(card: Mapping[str, Any]) -> str:
    """A card without what is another one in every answer, as ids."""
    return f"{plain(str(card.get('indicator')))}: {plain(str(card.get('summary')))}"
