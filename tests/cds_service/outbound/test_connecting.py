"""A connection goes to an address that was just checked, and proves the name that was asked for."""

from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cds_service.environment import SettingsError
from cds_service.outbound.errors import ReadFailed
from cds_service.outbound.guard import Guard, tls_context
from cds_service.outbound.lookups import MOST, Lookups
from cds_service.prefetch.fhir_client import FhirClient, FhirServer, Pages, Query
from cds_service.settings import Settings
from lamo.deadline import Deadline
from tests.calls import PATIENT, searchset
from tests.cds_service.outbound_fixtures import (
    FakeResolver,
    fetched,
    guard,
    production,
    wait_for_reads_to_end,
)
from tests.fakes import loopback_fhir, send_json
from tests.hanging import Hang, dripping_handshake
from tests.tls import of_server, self_signed
from tests.waiting import Waiters, wait_until

ALLOWED = "127.0.0.2"  # stands for the internet: production may read from it below


def read(guard: Guard, base: str, url: str = "Patient/p1", ms: float = 60_000) -> Pages:
    client = FhirClient(production(), guard)
    server = FhirServer(base=base, token="tok")
    return client.read_all(server, [Query(key="it", url=url)], Deadline.after_ms(ms))["it"]


def test_a_name_that_is_rebound_leads_nowhere() -> None:
    resolver = FakeResolver([ALLOWED], ["127.0.0.1"])
    with loopback_fhir(ALLOWED) as outside, loopback_fhir(port=outside.port) as inside:
        base = f"http://ehr.test:{outside.port}/fhir"
        outside.default = searchset(PATIENT, following=f"{base}/next")
        found = read(guard(resolver, [f"{ALLOWED}/32"]), base)
    assert (len(found.pages), len(outside.asked), inside.asked) == (1, 1, [])
    assert "at an address that may not be read from" in str(found.failure)
    assert resolver.asked == ["ehr.test", "ehr.test"]  # once for each connection


def test_the_host_header_is_that_of_the_name() -> None:
    hosts: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        hosts.append(handler.headers["Host"])
        send_json(handler, PATIENT)

    with loopback_fhir(ALLOWED) as outside:
        outside.default = answer
        base = f"http://ehr.test:{outside.port}/fhir"
        assert read(guard(FakeResolver([ALLOWED]), [f"{ALLOWED}/32"]), base).failure is None
    assert hosts == [f"ehr.test:{outside.port}"]


def test_an_address_that_does_not_answer_is_followed_by_the_next() -> None:
    resolver = FakeResolver(["127.0.0.3", ALLOWED])
    with loopback_fhir(ALLOWED) as outside:
        outside.default = PATIENT
        base = f"http://ehr.test:{outside.port}/fhir"
        assert read(guard(resolver, ["127.0.0.2/31"]), base).pages == (PATIENT,)


def test_ipv6_is_read_and_blocked_alike() -> None:
    with loopback_fhir("::1") as server:
        server.default = PATIENT
        assert read(guard(is_sandbox=True), server.base).pages == (PATIENT,)
        assert "may not be read" in str(read(guard(), server.base).failure)
        mapped = server.base.replace("::1", "::ffff:127.0.0.1")
        assert "may not be read" in str(read(guard(), mapped).failure)
    assert len(server.asked) == 1


def test_the_certificate_has_to_be_of_the_name(tmp_path: Path) -> None:
    certificate, asked = self_signed(tmp_path, "ehr.test"), list[str | None]()
    tls = of_server(certificate)
    tls.sni_callback = lambda _, name, __: asked.append(name)
    with loopback_fhir(tls=tls) as server:
        server.default = {"keys": []}
        here = guard(FakeResolver(["127.0.0.1"]), ca_file=certificate, is_sandbox=True)
        assert fetched(f"https://ehr.test:{server.port}/fhir", here) == {"keys": []}
        for url in (f"https://other.test:{server.port}/fhir", server.base):
            with pytest.raises(ReadFailed, match="did not prove over TLS who it is"):
                fetched(url, here)
    assert (asked, len(server.asked)) == (["ehr.test", "other.test", None], 1)


def test_a_certificate_of_nobody_known_is_not_enough(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "localhost")
    with loopback_fhir(tls=of_server(certificate)) as server:
        here = guard(FakeResolver(["127.0.0.1"]), is_sandbox=True)
        with pytest.raises(ReadFailed, match="did not prove over TLS"):
            fetched(f"https://localhost:{server.port}/fhir", here)
    assert server.asked == []


def test_authorities_that_cannot_be_read_are_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"LAMO_FHIR_CA_FILE: found .*, wanted a PEM file"):
        FhirClient(Settings(fhir_ca_file=tmp_path / "none.pem"))
    (tmp_path / "empty.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match=r"LAMO_FHIR_CA_FILE: found .*, wanted a PEM file"):
        tls_context(tmp_path / "empty.pem")


@pytest.mark.parametrize("url", ["https://down.test/keys.json", "https://down.test./keys.json"])
def test_a_name_that_is_not_known_is_told(url: str) -> None:
    with pytest.raises(ReadFailed, match=r"has a name that is not known|of an odd form"):
        fetched(url, guard(FakeResolver()))
    with pytest.raises(ReadFailed, match=r"has a name without addresses|of an odd form"):
        fetched(url, guard(FakeResolver([])))


def test_a_resolver_that_hangs_holds_nobody_beyond_the_deadline() -> None:
    def resolve(host: str) -> list[str]:
        hang.wait()
        return [host]

    lookups = Lookups(resolve)
    stuck = Guard(lookups=lookups, tls=tls_context(None))
    with Hang() as hang:
        for number in range(MOST):
            with pytest.raises(ReadFailed, match="has a name that was not looked up in time"):
                lookups(f"down-{number}.test", Deadline.after_ms(1))
        with pytest.raises(ReadFailed, match="too many names are being looked up"):
            fetched("https://another.test/keys.json", stuck)
        with pytest.raises(ReadFailed, match="in time"):
            fetched("https://down-0.test/keys.json", stuck, ms=100)
        assert not hang.was_waited_for


def test_those_who_wait_for_one_name_share_a_lookup() -> None:
    hang, waiters, asked = Hang(), Waiters(), list[str]()

    def slow(host: str) -> list[str]:
        asked.append(host)
        hang.wait()
        return ["8.8.8.8"]

    lookups = Lookups(slow)
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(lookups, "a.test", waiters.deadline()) for _ in range(8)]
        wait_until(lambda: waiters.have_come(8))
        hang.end()
    assert (asked, len({one.result() for one in found})) == (["a.test"], 1)


def test_a_handshake_that_drips_ends_with_the_deadline() -> None:
    with dripping_handshake() as (host, hang):
        with pytest.raises(ReadFailed, match="did not answer in time"):
            fetched(f"https://{host}/x", guard(is_sandbox=True), ms=300)
        wait_for_reads_to_end()
    assert not hang.was_waited_for
