import json

import pytest
import structlog

from cds_service.logs import configure_logs, where_raised


def test_a_string_under_an_unknown_name_is_held_back(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    try:
        structlog.get_logger().info("hook_answered", cards=2, patient="Quill", hook="order-sign")
    finally:
        structlog.reset_defaults()
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["cards"], line["hook"]) == ("hook_answered", 2, "order-sign")
    assert line["patient"] == "held back"


def test_the_place_of_an_error_is_told_without_its_message() -> None:
    with pytest.raises(ValueError, match="Quill") as error:
        int("Quill")
    assert "test_the_place_of_an_error" in where_raised(error.value)
    assert "Quill" not in where_raised(error.value)
