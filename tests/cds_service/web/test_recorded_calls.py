"""What a real client sent is read; its answers are the business of the whole-flow tests."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.hooks.discovery import find_service
from cds_service.hooks.feedback import read_feedback
from cds_service.hooks.orders import NO_ORDERS
from cds_service.hooks.request import HookRequest


@pytest.fixture
def recordings(test_data: Path) -> dict[str, Any]:
    files = sorted((test_data / "data" / "hook_requests").glob("*.json"))
    return {file.name: json.loads(file.read_text())["body"] for file in files}


def test_every_recorded_call_is_read(recordings: dict[str, Any]) -> None:
    calls = {name: body for name, body in recordings.items() if "-call-" in name}
    read = {
        name: HookRequest.from_json(find_service(f"lamo-{body['hook']}"), body)
        for name, body in calls.items()
    }
    assert len(read) == 15
    assert [name for name, request in read.items() if request.orders.gaps == (NO_ORDERS,)] == [
        "open-021-call-order-select-re-click-Rx-View.json",
        "open-029-call-order-sign-re-click-Rx-Sign.json",
    ]


def test_every_recorded_feedback_is_read(recordings: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    read = [read_feedback(body, now) for name, body in recordings.items() if "-feedback-" in name]
    assert [len(entries) for entries in read] == [1, 1, 1]
