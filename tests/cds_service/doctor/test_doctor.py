"""The doctor before good and bad deployments."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization

from cds_service.cds_client.client import client_at
from cds_service.cds_client.signer import TokenSigner
from cds_service.cli import main
from cds_service.doctor.calls import in_time
from cds_service.doctor.checks import CHECKS, examine
from cds_service.doctor.findings import Finding
from cds_service.doctor.reach import certificate, clock
from cds_service.doctor.templates import unusable, unusual
from cds_service.doctor.visit import Plan, Visit
from cds_service.keys.signing import FILE, SigningFile
from tests.calls import PATIENT
from tests.cds_service.deployments import (
    CARD,
    ORIGIN,
    OTHER,
    Deployed,
    OtherService,
    serving,
)
from tests.production import PUBLIC_URL
from tests.test_docs import anchors
from tests.tls import of_server, self_signed
from tests.tokens import ISSUER, KID, ec_key

pytest_plugins = ["tests.cds_service.trying_fixtures"]


def taking(*took_ms: float) -> Callable[[], float]:
    """A clock by which requests take so many milliseconds, in turn, however busy the machine is."""

    def moments() -> Iterator[float]:
        now = 0.0
        for ms in cycle(took_ms):
            yield now
            now += ms / 1000
            yield now

    return partial(next, moments())


def plan_for(deployed: Deployed, issuer: str = ISSUER) -> Plan:
    signer = TokenSigner(key=deployed.signer.key, kid=KID, issuer=issuer)
    return Plan(
        client=replace(
            client_at(deployed.url, public_url=PUBLIC_URL, signer=signer), seconds=taking(100)
        ),
        origin=ORIGIN,
        fhir_base=deployed.fhir.base,
        patient_id="p1",
        log_keys=SigningFile(deployed.var_dir / FILE).read().keys,
    )


def levels(plan: Plan) -> dict[str, set[str]]:
    """By check, how its findings stand."""
    found: dict[str, set[str]] = {}
    for one in examine(Visit(plan)):
        found.setdefault(one.check, set()).add(one.finding.level)
    return found


def said(findings: Iterator[Finding], level: str) -> str:
    return "; ".join(one.found for one in findings if one.level == level)


def doctor(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["doctor", *map(str, arguments)])


def test_of_a_good_deployment_everything_can_be_looked_at(deployed: Deployed) -> None:
    deployed.fhir.answers["Patient/p1"] = PATIENT
    deployed.fhir.default = {"resourceType": "Bundle", "type": "searchset"}
    found = levels(plan_for(deployed))
    assert list(found) == [check.name for check in CHECKS]
    assert found.pop("model") == {"warn"}
    assert found == {name: {"ok"} for name in found}


def test_what_the_deployment_lacks_is_told(deployed: Deployed) -> None:
    plan = plan_for(deployed, issuer="https://stranger.example.org")
    other_log = replace(plan.log_keys[0], raw=bytes(32))
    found = levels(replace(plan, origin="https://other.example.org", log_keys=(other_log,)))
    assert found["cors"] == {"fail"}
    assert found["token"] == {"fail"}
    assert found["receipt"] == {"fail"}


@pytest.mark.parametrize(("ahead_s", "level"), [(130, "fail"), (-30, "warn"), (0, "ok")])
def test_clocks_may_differ_by_a_little(deployed: Deployed, ahead_s: int, level: str) -> None:
    plan = replace(plan_for(deployed), clock=lambda: time.time() + ahead_s)
    assert [one.level for one in clock(Visit(plan))] == [level]


def test_http_is_for_this_machine_alone() -> None:
    visit = Visit(Plan(client=client_at("http://cds.example.org/")))
    assert "can be read on the way" in said(certificate(visit), "fail")


def test_a_certificate_that_ends_soon_is_told_of(tmp_path: Path) -> None:
    pem = self_signed(tmp_path, "localhost", days=20)
    with serving(OtherService([OTHER]).app(), of_server(pem)) as url:
        visit = Visit(Plan(client=client_at(url, ca_file=pem)))
        assert "has 19 days left" in said(certificate(visit), "warn")
        assert "self-signed" in said(certificate(Visit(Plan(client=client_at(url)))), "fail")


def test_behind_an_expired_certificate_nothing_is_looked_at(tmp_path: Path) -> None:
    pem = self_signed(tmp_path, "localhost", days=-3)
    with serving(OtherService([OTHER]).app(), of_server(pem)) as url:
        result = doctor(url, "--ca-file", pem, "--json")
    (found,) = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 1
    assert "certificate has expired" in found["found"]


def test_another_cds_service_is_looked_at_too() -> None:
    with serving(OtherService([OTHER]).app()) as url:
        found = levels(Plan(client=replace(client_at(url), seconds=taking(100))))
    assert not [name for name, told in found.items() if "fail" in told]
    assert found["call"] == found["time"] == {"ok"}
    assert found["receipt"] == found["model"] == found["request id"] == {"n/a"}
    assert found["rubbish"] == {"warn"}


@pytest.mark.parametrize(
    ("took_ms", "level"), [((499,), "ok"), ((900, 1, 1, 1, 1), "warn"), ((900, 900, 1), "fail")]
)
def test_calls_that_take_long_are_told(took_ms: tuple[float, ...], level: str) -> None:
    with serving(OtherService([OTHER]).app()) as url:
        visit = Visit(Plan(client=replace(client_at(url), seconds=taking(*took_ms))))
        assert said(in_time(visit), level)


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        (OtherService([{"id": "other"}]), "discovery"),
        (OtherService([OTHER, OTHER]), "discovery"),
        (OtherService([OTHER], to_strangers=401), "discovery"),
        (OtherService([OTHER | {"prefetch": {"a": "Patient/{{id"}}]), "prefetch"),
        (OtherService([OTHER], cards=[CARD | {"summary": "x" * 140}]), "call"),
        (OtherService([OTHER], cards=None), "call"),
        (OtherService([OTHER], to_rubbish=200), "rubbish"),
    ],
)
def test_what_breaks_cds_hooks_fails(bad: OtherService, check: str) -> None:
    with serving(bad.app()) as url:
        found = levels(Plan(client=client_at(url)))
    assert "fail" in found[check]


def test_a_service_that_offers_no_known_hook_is_not_called() -> None:
    with serving(OtherService([OTHER | {"hook": "appointment-book"}]).app()) as url:
        assert levels(Plan(client=client_at(url)))["call"] == {"n/a"}


@pytest.mark.parametrize("template", ["", 7, "Patient/{{context.patientId}", "https://x/Patient/1"])
def test_templates_that_nobody_can_fill(template: object) -> None:
    assert unusable(template)


@pytest.mark.parametrize(
    ("template", "count"),
    [
        ("Patient/{{context.patientId}}", 0),
        ("Observation?patient={{context.patientId}}&_sort=-date", 0),
        ("Patient/{{userPractitionerId}}", 0),
        ("Observation?code=1&code=2", 1),
        ("{{context.orders.entry.where(id=1)}}", 2),
    ],
)
def test_templates_that_some_cannot_fill(template: str, count: int) -> None:
    assert unusable(template) is None
    assert len(list(unusual(template))) == count


def test_the_command_reads_keys_and_tells(deployed: Deployed, tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    pem.write_bytes(
        deployed.signer.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    key = ["--token-key", pem, "--iss", ISSUER]
    assert "give --kid" in doctor(deployed.url, *key).stderr
    result = doctor(deployed.url, *key, "--kid", KID, "--public-url", PUBLIC_URL)
    failed = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("fail")]
    assert set(failed) <= {"time"}, result.stdout  # it may fail on a busy machine
    assert "ok    token        a good token is taken" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["not-a-url"], "Error: URL: wanted a base URL"),
        (["http://127.0.0.1:9", "--iss", "x"], "Error: give --token-key and --iss"),
        (["http://127.0.0.1:9", "--fhir", "x"], "Error: give --fhir and --patient"),
    ],
)
def test_what_is_typed_wrongly_is_told(arguments: list[str], says: str) -> None:
    result = doctor(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(says)


def test_nobody_there_is_one_finding() -> None:
    result = doctor("http://127.0.0.1:9")
    assert result.exit_code == 1
    assert (
        "fail  reachable    no answer from http://127.0.0.1:9 (ConnectionError)\n" in result.stdout
    )
    assert result.stdout.count("lamo-cds serve") == 1


def test_every_link_of_a_check_leads_somewhere() -> None:
    for check in CHECKS:
        page, _, anchor = check.link.partition("#")
        assert anchor in anchors(page), check.link


def test_another_key_is_no_key_of_the_client(deployed: Deployed) -> None:
    signer = TokenSigner(key=ec_key(), kid=KID, issuer=ISSUER)
    service = client_at(deployed.url, public_url=PUBLIC_URL, signer=signer)
    assert levels(Plan(client=service)) == {
        "tls": {"ok"},
        "reachable": {"ok"},
        "clock": {"ok"},
        "discovery": {"fail"},
    }
