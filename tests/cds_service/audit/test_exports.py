"""What leaves the log for other tools is valid, says no more than was asked, and is an event."""

import csv
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.provenance import Provenance

from cds_service.audit.exports.spreadsheet import cell
from cds_service.audit.log import AuditLog
from tests.cds_service.audit.export_fixtures import (
    REMOVAL,
    SUGGESTION,
    exported,
    keys_in_the_settings,
    of_every_kind,
    run,
)
from tests.cds_service.audit.test_entries import decision

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["keys_in_the_settings", "of_every_kind"]

FOR = ("--with-patients", "--purpose", "a request of the court")


def profiles(event: dict[str, Any]) -> list[str]:
    claimed: list[str] = event.get("meta", {}).get("profile", [])
    return [one.rpartition(".")[2] for one in claimed]


def entities(event: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one for one in event["entity"] if one["type"]["code"] == kind]


def test_every_kind_of_event_is_a_valid_audit_event(of_every_kind: str, tmp_path: Path) -> None:
    found = exported(of_every_kind, "auditevent", tmp_path)
    assert [AuditEvent.model_validate(one).id for one in found] == [one["id"] for one in found]
    told = [(one["type"]["code"], one["action"], one["outcome"]) for one in found]
    assert told == [
        ("rest", "E", "0"), ("rest", "E", "0"), ("rest", "C", "0"), ("rest", "C", "0"),
        ("rest", "E", "4"), ("rest", "R", "0"), ("rest", "R", "4"), ("110100", "U", "0"),
        ("hold", "U", "0"),
    ]  # fmt: skip


def test_a_profile_is_claimed_where_all_that_it_wants_is_known(
    of_every_kind: str, tmp_path: Path
) -> None:
    found = exported(of_every_kind, "auditevent", tmp_path)
    assert [profiles(one) for one in found] == [
        ["PatientQuery"], [], ["PatientCreate"], ["Create"], [], [], [], [], []
    ]  # fmt: skip
    for one in found:
        if profiles(one):
            client, server = one["agent"][:2]
            assert (client["type"]["coding"][0]["code"], client["requestor"]) == ("110153", False)
            assert (server["type"]["coding"][0]["code"], server["requestor"]) == ("110152", False)
            assert client["network"] == {"address": "ehr.example.org", "type": "1"}
            assert server["network"]["type"] == "5"


def test_a_decision_names_patient_query_request_and_prescriber(
    of_every_kind: str, tmp_path: Path
) -> None:
    event = exported(of_every_kind, "auditevent", tmp_path)[0]
    (whom,), (asked,) = entities(event, "1"), entities(event, "2")
    assert whom["what"]["identifier"]["system"] == "http://127.0.0.1:8080/audit/patient"
    assert (asked["role"]["code"], "query" in asked) == ("24", True)
    assert entities(event, "XrequestId")[0]["what"]["identifier"]["value"] == "request-1"
    assert event["agent"][2]["who"]["reference"] == "Practitioner/example"


def test_ids_of_patients_are_told_only_when_asked_for_with_a_purpose(
    of_every_kind: str, tmp_path: Path
) -> None:
    plain = exported(of_every_kind, "auditevent", tmp_path)
    assert "patient-1" not in json.dumps(plain)
    (whom,) = entities(exported(of_every_kind, "auditevent", tmp_path, *FOR)[0], "1")
    assert whom["what"]["reference"] == "Patient/patient-1"
    arguments = ("export", "--format", "csv", "--out", str(tmp_path / "x"), "--with-patients")
    result = run(of_every_kind, *arguments)
    assert (result.exit_code, "say with --purpose" in result.output) == (2, True)
    assert not (tmp_path / "x").exists()


def test_each_suggestion_has_a_provenance(of_every_kind: str, tmp_path: Path) -> None:
    found = {one["id"]: one for one in exported(of_every_kind, "provenance", tmp_path)}
    for one in found.values():
        Provenance.model_validate(one)
    device, draft = found[SUGGESTION]["contained"]
    MedicationRequest.model_validate(draft)
    assert found[SUGGESTION]["target"][0]["identifier"]["value"] == f"urn:uuid:{SUGGESTION}"
    assert found[SUGGESTION]["reason"][0]["coding"][0]["code"] == "AIAST"
    assert [one["value"] for one in device["version"]] == ["1.0", "2" * 64, "1" * 64]
    sources = [one["what"]["identifier"]["value"] for one in found[SUGGESTION]["entity"]]
    assert sources[1] == "0" * 64
    assert "reason" not in found[REMOVAL]  # no model has asserted it
    assert "marker" not in json.dumps(found)


def test_a_provenance_with_patients_has_the_draft_as_sent(
    of_every_kind: str, tmp_path: Path
) -> None:
    found = exported(of_every_kind, "provenance", tmp_path, *FOR)
    assert found[0]["contained"][1]["subject"] == {"reference": "Patient/patient-1"}
    assert "marker-person" in json.dumps(found)


def test_a_spreadsheet_has_a_row_for_each_event(of_every_kind: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    assert run(of_every_kind, "export", "--format", "csv", "--out", str(path)).exit_code == 0
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows[:3]] == ["decision", "decision", "feedback"]
    assert (rows[0]["model"], rows[0]["suppressed"], rows[0]["card_count"]) == (
        "demo 1.0",
        "1",
        "1",
    )
    assert b"\r\n" in path.read_bytes()
    assert "patient_id" not in rows[0]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "'=1"])
def test_a_cell_is_no_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_numbers_and_plain_text_are_left_as_they_are() -> None:
    assert [cell(-1.5), cell("a=b"), cell(None)] == ["-1.5", "a=b", ""]


def test_an_export_is_an_event_itself(
    of_every_kind: str, audit_log: AuditLog, tmp_path: Path
) -> None:
    exported(of_every_kind, "auditevent", tmp_path, *FOR)
    (newest,) = audit_log.list_events(limit=1)
    body = audit_log.find_event(newest.event_id).body
    assert (body["kind"], body["page"], body["user"]) == ("access", "export", "operator")
    assert (body["rows"], body["purpose"]) == (9, "a request of the court")
    assert body["filters"] == {"format": "auditevent", "with_patients": True}
    assert body["sha256"] == sha256((tmp_path / "auditevent").read_bytes()).hexdigest()
    last = exported(of_every_kind, "auditevent", tmp_path)[-1]
    AuditEvent.model_validate(last)
    assert (last["type"]["code"], last["subtype"][0]["code"]) == ("110106", "disclose")


def test_what_could_not_be_recorded_is_not_handed_out(of_every_kind: str, tmp_path: Path) -> None:
    path = tmp_path / "out"
    result = run(of_every_kind, "export", "--out", str(path), "--event-id", "no such event")
    assert result.exit_code == 1
    assert list(tmp_path.glob("*out*")) == []


def test_days_bound_an_export(audit_log: AuditLog, audit_url: str, tmp_path: Path) -> None:
    audit_log.append_decision(decision())
    today = datetime.now(UTC).date()
    days = [str(today + timedelta(days=apart)) for apart in (-1, 1)]
    some = exported(audit_url, "auditevent", tmp_path, "--since", days[0], "--until", str(today))
    assert len(some) == 1
    assert exported(audit_url, "auditevent", tmp_path, "--since", days[1]) == []
    assert len(exported(audit_url, "auditevent", tmp_path, "--until", days[0])) == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--since", "2026-02-02", "--until", "2026-02-01"), "name the earlier day first"),
        (("--format", "bundle", "--since", "2026-02-02"), "a bundle is of the whole log"),
        (("--format", "csv", "--event-id", "x"), "only a bundle is of events that are named"),
    ],
)
def test_options_that_do_not_go_together_are_told(
    audit_url: str, tmp_path: Path, options: tuple[str, ...], why: str
) -> None:
    result = run(audit_url, "export", "--out", str(tmp_path / "x"), *options)
    assert (result.exit_code, why in result.output) == (1, True)


def test_a_file_is_nobody_elses_to_read(of_every_kind: str, tmp_path: Path) -> None:
    exported(of_every_kind, "auditevent", tmp_path)
    assert (tmp_path / "auditevent").stat().st_mode & 0o777 == 0o600
