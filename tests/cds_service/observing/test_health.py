"""Readiness: each check by name, within a bounded time, and not once for every probe."""

import threading
from concurrent.futures import ThreadPoolExecutor

from cds_service.observing.health import Check, Health, Unwell
from cds_service.settings import Settings
from tests.cds_service.observing.conftest import Opened
from tests.hanging import HANG_S
from tests.waiting import WAIT_S, wait_until


class Look:
    """A check that can be made to fail, to hang, or to break, and is counted."""

    def __init__(self) -> None:
        self.times = 0
        self.failure: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self) -> str:
        self.times += 1
        if not self.go_on.wait(HANG_S):
            raise Unwell("nobody let it go on")
        if self.failure is not None:
            raise self.failure
        return "well"

    def check(self, **more: bool) -> Check:
        return Check(name="database", look=self, **more)


def test_ready_is_200_with_every_check_by_name(opened: Opened, settings: Settings) -> None:
    answer = opened(settings, (Look().check(),)).get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ready",
        "checks": {"database": {"ok": True, "why": "well"}},
    }


def test_a_failing_check_is_503_and_an_issue_that_names_it(
    opened: Opened, settings: Settings
) -> None:
    look, other = Look(), Look()
    look.failure = Unwell("it takes reads only")
    client = opened(settings, (look.check(), Check(name="clock", look=other)))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    (issue,) = answer.get_json()["issue"]
    assert answer.get_json()["resourceType"] == "OperationOutcome"
    assert (issue["code"], issue["diagnostics"]) == ("transient", "database: it takes reads only")
    assert client.get("/livez").status_code == 200


def test_what_is_not_needed_is_told_and_does_not_fail(opened: Opened, settings: Settings) -> None:
    look = Look()
    look.failure = Unwell("the server is down")
    answer = opened(settings, (look.check(is_needed=False),)).get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json()["checks"]["database"] == {"ok": False, "why": "the server is down"}


def test_an_unforeseen_error_is_told_by_its_name_alone() -> None:
    look = Look()
    look.failure = ValueError("postgresql://lamo:secret@host")
    (found,) = Health((look.check(),)).ask()
    assert (found.is_ok, found.why) == (False, "ValueError")


def test_a_hanging_check_is_bounded_in_time_and_not_begun_again() -> None:
    look = Look()
    look.go_on.clear()
    health = Health((look.check(),), wait_s=0.1, keep_s=0)
    found = [health.ask()[0] for _ in range(3)]
    assert {one.why for one in found} == {"no answer within 0.1 s"}
    wait_until(lambda: look.times)
    assert look.times == 1
    look.go_on.set()
    wait_until(lambda: health.ask()[0].is_ok)


def test_a_flood_of_probes_is_one_look_a_second() -> None:
    look, now = Look(), [0.0]
    health = Health((look.check(),), wait_s=WAIT_S, clock=lambda: now[0])
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: health.ask(), range(200)))
    assert look.times == 1
    assert all(one.is_ok for checks in found for one in checks)
    now[0] = 1.0
    health.ask()
    assert look.times == 2


def test_who_asks_while_a_check_hangs_is_told_what_was_found_before() -> None:
    look, now = Look(), [0.0]
    health = Health((look.check(),), wait_s=WAIT_S, clock=lambda: now[0])
    health.ask()
    look.go_on.clear()
    now[0] = 2.0
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(health.ask)
        wait_until(lambda: look.times == 2)
        assert health.ask()[0].is_ok
        assert not asking.done()
        look.go_on.set()
        assert asking.result()[0].is_ok
