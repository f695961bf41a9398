from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.errors import MalformedRequest
from cds_service.hooks.feedback import read_feedback
from tests.fakes import FakeRecorder

CARD = "11111111-aaaa-4aaa-8aaa-000000000001"
URL = "/cds-services/lamo-order-sign/feedback"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entry(**changes: Any) -> dict[str, Any]:
    base = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2025-11-22T21:37:09.705Z"}
    return {name: value for name, value in (base | changes).items() if value is not ...}


def reasoned(**reason: Any) -> dict[str, Any]:
    return entry(overrideReason=reason)


def test_an_override_keeps_its_reason_and_comment() -> None:
    reason = {"reason": {"code": "patient-refuses", "system": "urn:x"}, "userComment": "not now"}
    (feedback,) = read_feedback({"feedback": [entry(overrideReason=reason)]}, NOW)
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
        (entry(outcomeTimestamp="2025-02-31T00:00:00Z"), r"feedback\[0\]\.outcomeTimestamp"),
        (entry(outcomeTimestamp="1900-01-01T00:00:00Z"), r"feedback\[0\]\.outcomeTimestamp"),
        (entry(outcomeTimestamp="0001-01-01T00:00:00+14:00"), r"feedback\[0\]\.outcomeTimestamp"),
        (entry(outcomeTimestamp="2026-03-02T12:00:01Z"), r"feedback\[0\]\.outcomeTimestamp"),
        (entry(outcomeTimestamp="9999-12-31T23:59:59-14:00"), r"feedback\[0\]\.outcomeTimestamp"),
        (entry(overrideReason={}), r"feedback\[0\]\.overrideReason"),
        (reasoned(userComment=7), r"feedback\[0\]\.overrideReason\.userComment"),
        (reasoned(userComment="x" * 10_001), r"feedback\[0\]\.overrideReason\.userComment"),
        (reasoned(reason={"code": ["x"]}), r"feedback\[0\]\.overrideReason\.reason\.code"),
        ("text", r"feedback\[0\]"),
    ],
)
def test_a_wrong_entry_is_named(wrong: object, field: str) -> None:
    with pytest.raises(MalformedRequest, match=f"^{field}: found"):
        read_feedback({"feedback": [wrong]}, NOW)


def test_a_clock_of_a_client_may_be_a_day_ahead() -> None:
    ahead = entry(outcomeTimestamp="2026-03-02T12:00:00Z")
    assert len(read_feedback({"feedback": [ahead]}, NOW)) == 1


def test_a_comment_is_kept_as_it_is_whatever_it_looks_like() -> None:
    comment = "<script>alert(1)</script> [x](javascript:alert(2))"
    (feedback,) = read_feedback({"feedback": [reasoned(userComment=comment)]}, NOW)
    assert feedback.user_comment == comment


def test_a_post_has_an_end() -> None:
    assert len(read_feedback({"feedback": [entry()] * 500}, NOW)) == 500
    with pytest.raises(MalformedRequest, match=r"^feedback: found 10000 entries"):
        read_feedback({"feedback": [entry()] * 10_000}, NOW)


@pytest.mark.parametrize("body", [{"feedback": entry()}, {"nothing": 1}, {}])
def test_feedback_is_an_array(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest, match=r"^feedback: found"):
        read_feedback(body, NOW)


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
