"""The stop switch: known to every process, changed only with a word in the log."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from cds_service.audit.database import AuditFailure, open_engine
from cds_service.audit.log import AuditLog
from cds_service.errors import SwitchedOff
from cds_service.keys.service import KeyService
from cds_service.observing.health import Unwell
from cds_service.stops.stops import Stops
from cds_service.stops.switch import Switch, SwitchRefused, throw

pytest_plugins = ["tests.cds_service.audit_fixtures"]

HOSTILE = "'; DROP TABLE stop; --<script>"
USER = "account/op"


def switch(turn: str = "stop", what: str = "rule allergy", reason: str = "wrong table") -> Switch:
    scope, name = what.split(" ", 1)
    return Switch(turn=turn, scope=scope, name=name, reason=reason)  # type: ignore[arg-type]


@pytest.fixture
def engine(audit_url: str) -> Iterator[Engine]:
    made = open_engine(audit_url)
    yield made
    made.dispose()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"what": f"rule {HOSTILE}"}, "no rule has this name: there are allergy"),
        ({"what": "rule gap"}, "no rule has this name"),
        ({"what": "service allergy"}, "no service has this name"),
        ({"what": "table stop"}, "a service or a rule"),
        ({"turn": HOSTILE}, "to stop or to resume"),
        ({"reason": " \n"}, "a reason of 1 to 500"),
        ({"reason": "x" * 501}, "a reason of 1 to 500"),
    ],
)
def test_what_makes_no_sense_is_refused_without_repeating_it(
    asked: dict[str, str], told: str
) -> None:
    with pytest.raises(SwitchRefused, match=told) as refusal:
        switch(**asked)
    assert HOSTILE not in str(refusal.value)


def test_a_stop_is_known_to_another_process_and_ended_again(
    audit_log: AuditLog, audit_url: str, audit_keys: KeyService
) -> None:
    other = AuditLog(audit_url, audit_keys)
    stops = Stops(other)
    assert stops.rules_off("lamo-order-sign") == frozenset()

    throw(switch(), audit_log, USER)
    throw(switch(what="service lamo-order-sign"), audit_log, USER)
    stops.read()
    with pytest.raises(SwitchedOff, match="switched off by the hospital"):
        stops.rules_off("lamo-order-sign")
    assert stops.rules_off("lamo-order-select") == {"allergy"}
    assert stops.told() == "switched off: service lamo-order-sign, rule allergy"

    throw(switch("resume", "service lamo-order-sign"), audit_log, USER)
    assert stops.read().services == frozenset()
    other.close()


def test_the_reason_is_kept_where_only_keys_open_it(audit_log: AuditLog, engine: Engine) -> None:
    throw(switch(reason=f"because {HOSTILE}"), audit_log, USER)
    [event] = audit_log.list_events()
    found = audit_log.find_event(event.event_id).body
    assert (found["action"], found["subject"], found["user"]) == ("stop-rule", "allergy", USER)
    assert found["reason"] == f"because {HOSTILE}"
    with engine.begin() as connection:
        body = bytes(connection.exec_driver_sql("SELECT body FROM event").scalar_one())
    assert b"DROP TABLE" not in body


def test_what_is_so_already_is_refused_and_leaves_no_event(audit_log: AuditLog) -> None:
    with pytest.raises(SwitchRefused, match="rule allergy is not switched off"):
        throw(switch("resume"), audit_log, USER)
    throw(switch(), audit_log, USER)
    with pytest.raises(SwitchRefused, match="switched off since"):
        throw(switch(), audit_log, USER)
    assert len(audit_log.list_events()) == 1


def test_what_is_known_stays_in_force_while_the_table_cannot_be_read(
    audit_log: AuditLog, engine: Engine
) -> None:
    now = [0.0]
    stops, new = Stops(audit_log, clock=lambda: now[0]), Stops(audit_log)
    throw(switch(), audit_log, USER)
    stops.read()
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE stop RENAME TO gone")
    with pytest.raises(AuditFailure):
        stops.read()
    assert stops.rules_off("lamo-order-sign") == {"allergy"}
    now[0] = 11.0
    with pytest.raises(Unwell, match="last read 11 s ago"):
        stops.told()
    with pytest.raises(AuditFailure):  # a process that knows nothing takes no call
        new.rules_off("lamo-order-sign")
