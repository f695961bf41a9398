import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

import cds_service
from cds_service.logs import SAFE_NAMES, configure_logs, where_raised


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


def test_no_reason_is_logged_under_a_name_that_holds_it_back() -> None:
    package = Path(cds_service.__file__).parent
    trees = [ast.parse(file.read_text()) for file in package.rglob("*.py")]
    calls = [one for tree in trees for one in ast.walk(tree) if isinstance(one, ast.Call)]
    logged = [one for one in calls if ast.unparse(one.func).startswith("log.")]
    spoken = [
        f"{ast.unparse(one.args[0])}: {word.arg}"
        for one in logged
        for word in one.keywords
        if word.arg and word.arg not in SAFE_NAMES and ast.unparse(word.value).startswith("str(")
    ]
    assert len(logged) > 20
    assert spoken == []


LIBRARIES = """
import logging, threading, urllib3, warnings
from cds_service.logs import configure_logs, route_libraries
configure_logs("info")
route_libraries()
logging.getLogger("urllib3").warning("Retrying /Patient/%s", "Quill")
warnings.warn("Quill")
logging.getLogger("gunicorn.error").error("Worker exiting\\nQuill")
thread = threading.Thread(target=int, args=("Quill",))
thread.start(); thread.join()
try:
    int("Quill")
except ValueError:
    logging.getLogger("flask").exception("on /Patient/Quill")
"""


def test_what_libraries_say_is_told_by_place_and_kind_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIBRARIES], capture_output=True, text=True, check=True
    )
    assert "Quill" not in done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(one["event"], one.get("logger"), one.get("error")) for one in lines] == [
        ("library", "urllib3", None),
        ("library", "py.warnings", None),
        ("Worker exiting", "gunicorn.error", None),
        ("thread_failed", None, "ValueError"),
        ("library", "flask", "ValueError"),
    ]
