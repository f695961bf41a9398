"""Events of kind "shadow" in both kinds of database."""

from cds_service.audit.entries import ShadowEntry, Table
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog
from tests.cds_service.audit.test_entries import decision

pytest_plugins = ["tests.cds_service.audit_fixtures"]


def shadow_of(decision_event_id: str, patient_id: str, client: str) -> ShadowEntry:
    return ShadowEntry(
        event_id=new_event_id(),
        decision_event_id=decision_event_id,
        service_id="lamo-order-sign",
        hook="order-sign",
        client=client,
        patient_id=patient_id,
        served="a" * 64,
        model={"name": "second", "version": "1", "sha256": "b" * 64},
        score_ms={"served": 1.0, "shadow": 2.0},
        cards={"served": 1, "shadow": 0},
        proposed={"both": 0, "served": 0, "shadow": 0},
        unsupported={"both": 0, "served": 1, "shadow": 0},
        chosen={"proposed": [], "unsupported": []},
        differences={},
        scores=Table(columns=("label", "log_odds"), rows=[("Metformin", 1.5)]),
    )


def test_they_are_kept_under_the_key_of_the_patient_and_read_in_order(audit_log: AuditLog) -> None:
    entry = decision()
    audit_log.append_decision(entry)
    shadows = [shadow_of(entry.event_id, entry.patient_id, entry.client) for _ in range(3)]
    assert [audit_log.append_shadow(one) for one in shadows] == [True] * len(shadows)
    found = list(audit_log.events_of_kind("shadow"))
    assert [event["event_id"] for event in found] == [one.event_id for one in shadows]
    assert found[0]["scores"] == [{"label": "Metformin", "log_odds": 1.5}]
    assert (found[0]["outcome"], found[0]["patient_id"]) == ("ok", entry.patient_id)


def test_nothing_is_kept_of_a_patient_who_is_not_known_any_more(audit_log: AuditLog) -> None:
    assert not audit_log.append_shadow(shadow_of(new_event_id(), "erased", "clinic"))
    assert audit_log.list_events() == []
    audit_log.append_decision(decision())
    [event] = audit_log.events_of_kind("decision")
    assert event["worker"] == {"counter": 2, "id": event["worker"]["id"], "unused": [1]}
