"""The integrity page: what the log says of itself, and heads that were kept elsewhere."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from cds_service.audit.full_check import FullVerification, verify_aside
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.log import AuditLog
from cds_service.audit.sequencer import sequence_all
from cds_service.keys.signing import FILE, SigningFile
from cds_service.reviewer.desk import ReviewDesk
from cds_service.settings import Settings
from tests.cds_service.audit.test_entries import error
from tests.cds_service.reviewer.reading_html import page_of
from tests.cds_service.reviewer.signing_in import CSRF, SignIn
from tests.cds_service.reviewer.tampering import tamper
from tests.waiting import wait_until

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]
on_sqlite = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)


@pytest.fixture
def kept(
    audit_log: AuditLog, audit_url: str, settings: Settings, review_desk: ReviewDesk
) -> list[str]:
    """Lines of heads, over two and over five events."""
    for count in (2, 3):
        for _ in range(count):
            audit_log.append_error(error())
        sequence_all(audit_url, settings.var_dir)
    return (settings.var_dir / HEADS_FILE).read_text(encoding="utf-8").splitlines()


def page(sign_in: SignIn) -> str:
    answer = sign_in("operator").get("/review/integrity")
    assert answer.status_code == 200
    assert page_of(answer.text).dangers == []
    return answer.text


def sent(sign_in: SignIn, text: str, status: int = 200) -> str:
    """What the page says to a file of heads."""
    data: dict[str, Any] = {"csrf": CSRF, "file": (io.BytesIO(text.encode()), "heads.jsonl")}
    answer = sign_in("compliance").post("/review/integrity/heads", data=data)
    assert answer.status_code == status
    return answer.text


def test_it_tells_the_newest_head_and_what_waits(
    signed_in: SignIn, audit_log: AuditLog, kept: list[str]
) -> None:
    audit_log.append_error(error())
    text = page(signed_in)
    assert "number 1, over 5 events" in text
    assert "1, the oldest begun" in text
    assert "the last one in the file is the newest, number 1" in text


@on_sqlite
def test_one_event_is_no_events(
    signed_in: SignIn, audit_log: AuditLog, audit_url: str, settings: Settings
) -> None:
    audit_log.append_error(error())
    sequence_all(audit_url, settings.var_dir)
    assert "number 0, over 1 event<" in page(signed_in)


@on_sqlite
def test_a_log_without_a_head_says_so(signed_in: SignIn) -> None:
    text = page(signed_in)
    assert "No head is signed yet" in text
    assert "no file" in text


@on_sqlite
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: lines[:1], ">behind<"),
        (lambda lines: [lines[1].replace('"number": 1', '"number": 7')], ">another log<"),
        (lambda lines: ["{}"], ">cannot be read<"),
    ],
)
def test_a_file_of_heads_that_differs_is_told(
    signed_in: SignIn, settings: Settings, kept: list[str], change: Any, told: str
) -> None:
    (settings.var_dir / HEADS_FILE).write_text("\n".join(change(kept)) + "\n", encoding="utf-8")
    assert told in page(signed_in)


@on_sqlite
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("number = 'junk'", "number holds text, wanted integer"),
        ("tree_size = 1.5", "tree_size holds real, wanted integer"),
        ("note = x'00'", "note holds blob, wanted text"),
        ("note = CAST(x'ff' AS text)", "a head is not a signed note"),
    ],
)
def test_a_head_of_another_type_is_listed_with_what_is_wrong_of_it(
    signed_in: SignIn, audit_url: str, kept: list[str], change: str, told: str
) -> None:
    tamper(audit_url, f"UPDATE head SET {change} WHERE number = 1")  # noqa: S608 - of this list
    text = page(signed_in)
    assert f"The newest head cannot be relied on: {told}" in text
    assert text.count(told) == 2  # and among the heads
    assert '<td class="number">0</td>' in text  # the other one, as before
    assert "note bad" in sent(signed_in, kept[0])


def test_heads_that_were_kept_fit_the_log_that_has_grown(
    signed_in: SignIn, audit_log: AuditLog, audit_url: str, settings: Settings, kept: list[str]
) -> None:
    audit_log.append_error(error())
    sequence_all(audit_url, settings.var_dir)
    assert "All 2 heads fit" in sent(signed_in, "\n".join(kept))
    note = json.loads(kept[0])["note"].replace("\n", "\r\n")
    answer = signed_in("compliance").post(
        "/review/integrity/heads", data={"csrf": CSRF, "head": f"  {note}\r\n"}
    )
    assert "The head fits" in answer.text


@on_sqlite
@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM head WHERE number = 1", "the end of the log was cut off"),
        ("UPDATE head SET number = number + 10", "heads were replaced"),
        ("UPDATE leaf SET leaf_hash = zeroblob(32) WHERE leaf_index = 3", "the log was changed"),
        ("UPDATE head SET note = 'x' WHERE number = 1", "is not signed well"),
    ],
)
def test_a_log_that_was_changed_does_not_fit_its_heads(
    signed_in: SignIn, audit_url: str, kept: list[str], statement: str, why: str
) -> None:
    tamper(audit_url, statement)
    text = sent(signed_in, "\n".join(kept))
    assert "note bad" in text
    assert why in text


@on_sqlite
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<script>", "this is no head"),
        ('{"number": 1, "note": "<script>"}', "this is no head"),
        ("{" * 2000, "this is no head"),
        ("", "No head was sent"),
    ],
)
def test_what_is_no_head_is_told_and_not_repeated(
    signed_in: SignIn, kept: list[str], text: str, why: str
) -> None:
    told = sent(signed_in, text)
    assert why in told
    assert page_of(told).dangers == []


@on_sqlite
def test_a_head_of_another_log_is_told(signed_in: SignIn, kept: list[str]) -> None:
    line = json.loads(kept[1])
    note = line["note"].replace(line["note"].split("\n")[2], "A" * 43 + "=")
    assert "does not fit" in sent(signed_in, json.dumps(line | {"note": note}))


@on_sqlite
def test_too_many_heads_at_once_are_refused(signed_in: SignIn) -> None:
    assert "send the last lines" in sent(signed_in, "x" * 200_000, status=413)


def test_the_whole_log_is_verified_aside(
    signed_in: SignIn, review_desk: ReviewDesk, audit_log: AuditLog, kept: list[str]
) -> None:
    answer = signed_in("operator").post("/review/integrity/verification", data={"csrf": CSRF})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/review/integrity")
    wait_until(lambda: not review_desk.verification.is_running())
    assert "Everything fits: 5 events and every head" in page(signed_in)
    actions = [audit_log.find_event(one.event_id).body for one in audit_log.list_events()]
    assert "start-verification" in [one.get("action") for one in actions]


@on_sqlite
def test_what_a_verification_finds_is_told(
    signed_in: SignIn, audit_url: str, settings: Settings, kept: list[str]
) -> None:
    tamper(audit_url, "UPDATE event SET outcome = 'seen'")
    verify_aside(audit_url, settings.var_dir, "2026-03-01T12:00:00.000000Z")
    text = page(signed_in)
    assert "Something does not fit" in text
    assert "FAILED columns" in text


@on_sqlite
def test_a_verification_ends_over_values_of_other_types(
    signed_in: SignIn, audit_url: str, settings: Settings, kept: list[str]
) -> None:
    tamper(audit_url, "UPDATE event SET body = CAST(body AS TEXT)")
    verify_aside(audit_url, settings.var_dir, "2026-03-01T12:00:00.000000Z")
    assert "FAILED types" in page(signed_in)


def test_one_verification_is_at_work_at_a_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/none.db"
    first, second = FullVerification(url, tmp_path), FullVerification(url, tmp_path)
    assert (first.last(), first.is_running()) == (None, False)
    assert first.start()
    assert (second.start(), second.is_running()) == (False, True)
    wait_until(lambda: not first.is_running())
    last = second.last()
    assert last is not None
    assert "no usable keys" in str(last.failure) or "cannot be read" in str(last.failure)


def test_a_verification_whose_process_fails_says_so(tmp_path: Path) -> None:
    SigningFile(tmp_path / FILE).create()
    verification = FullVerification("mysql://of.another/kind", tmp_path)
    assert verification.start()
    wait_until(lambda: not verification.is_running())
    last = verification.last()
    assert last is not None
    assert "its process failed" in str(last.failure)


def test_a_verification_that_takes_too_long_is_broken_off(tmp_path: Path) -> None:
    slow = FullVerification(f"sqlite:///{tmp_path}/none.db", tmp_path, longest_s=0.0)
    assert slow.start()
    wait_until(lambda: slow.last() is not None)
    last = slow.last()
    assert last is not None
    assert "did not end within" in str(last.failure)


@on_sqlite
def test_a_reviewer_has_no_part_in_it(signed_in: SignIn) -> None:
    assert signed_in("reviewer").get("/review/integrity").status_code == 403
