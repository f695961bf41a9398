from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.errors import MalformedRequest
from cds_service.feedback import read_feedback
from tests.fakes import FakeRecorder

CARD = "11111111-aaaa-4aaa-8aaa-000000000001"
URL = "/cds-services/lamo-order-sign/feedback"


def entry(**changes: Any) -> dict[str, Any]:
    base = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2026-11-22T21:37:09.705Z"}
    return {name: value for name, value in (base | changes).items() if value is not ...}


def test_an_override_keeps_its_reason_and_comment() -> None:
    reason = {"reason": {"code": "patient-refuses", "system": "urn:x"}, "userComment": "not now"}
    (feedback,) = read_feedback({"feedback": [entry(overrideReason=reason)]})
    assert feedback.override_reason == {"code": "patient-refuses", "system": "urn:x"}
    assert feedback.user_comment == "not now"
    assert feedback.outcome_timestamp.tzinfo is not None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (entry(card=...), r"feedback\[0\]\.card"),
        (entry(outcome="ignored"), r"feedback\[0\]\.outcome"),
        (entry(outcome="accepted"), r"feedback\[0\]\.acceptedSuggestions"),
        (entry(outcome="accepted", acceptedSuggestions=[]), r"feedback\[0\]\.acceptedSuggestions"),
        (entry(outcomeTimestamp=...), r"feedback\[0\]\.outcomeTimestamp"),
        (entry(outcomeTimestamp="yesterday"), r"feedback\[0\]\.outcomeTimestamp"),
        (entry(outcomeTimestamp="2026-02-31T00:00:00Z"), r"feedback\[0\]\.outcomeTimestamp"),
        (entry(overrideReason={}), r"feedback\[0\]\.overrideReason"),
        (entry(overrideReason={"userComment": 7}), r"feedback\[0\]\.overrideReason"),
        ("text", r"feedback\[0\]"),
    ],
)
def test_a_wrong_entry_is_named(wrong: object, field: str) -> None:
    with pytest.raises(MalformedRequest, match=f"^{field}: found"):
        read_feedback({"feedback": [wrong]})


@pytest.mark.parametrize("body", [{"feedback": entry()}, {"nothing": 1}, {}])
def test_feedback_is_an_array(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest, match=r"^feedback: found"):
        read_feedback(body)


def test_feedback_goes_to_the_recorder(client: FlaskClient, recorder: FakeRecorder) -> None:
    accepted = entry(outcome="accepted", acceptedSuggestions=[{"id": "s1"}])
    assert client.post(URL, json={"feedback": [accepted, entry()]}).status_code == 200
    assert [one.outcome for one in recorder.feedback] == ["accepted", "overridden"]
    assert recorder.feedback[0].accepted_suggestions == ("s1",)


def test_feedback_that_cannot_be_recorded_is_not_taken(
    client: FlaskClient, recorder: FakeRecorder
) -> None:
    recorder.is_down = True
    assert client.post(URL, json={"feedback": [entry()]}).status_code == 503
