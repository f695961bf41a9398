"""A reader, and why it did not read a note."""

from typing import Any

import pytest

from lamo.notes.model_reader.reader import ModelReader
from lamo.notes.sections import Claims, NoteSections, NoteUnread
from tests.lamo.notes.fake_endpoint import KEY, FakeEndpoint, plan_for

NOTE = "History of present illness: MARKED fall at home."
LATE_S = 0.5  # for one that does not answer: all others have a minute


class Pauses(list[float]):
    """Pauses that are told of and not made."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def reader(endpoint: FakeEndpoint, **settings: Any) -> ModelReader:
    pause = settings.pop("pause", Pauses())
    plan = plan_for(endpoint, **({"seconds": 60.0} | settings))
    return ModelReader(plan, ground=kept, pause=pause)


def kept(text: str, claims: Claims) -> NoteSections:
    del text
    return NoteSections(history_of_present_illness=claims.history_of_present_illness)


def reason(endpoint: FakeEndpoint, **settings: Any) -> str:
    """Why the note stays unread; without the note and the key, and though nothing has ended yet."""
    with pytest.raises(NoteUnread) as unread:
        reader(endpoint, **settings).read(NOTE)
    assert not endpoint.hang.was_waited_for
    told = f"{unread.value!r} {unread.value.__cause__!r}"
    assert "MARKED" not in told
    assert KEY not in told
    return str(unread.value)
