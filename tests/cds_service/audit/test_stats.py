"""What the log comes to, counted from its bodies."""

import json
from pathlib import Path

import pytest

from cds_service.audit.log import AuditLog
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.stats import Times
from tests.cds_service.audit.evidence_fixtures import var_dir
from tests.cds_service.audit.export_fixtures import keys_in_the_settings, of_every_kind, run
from tests.cds_service.audit.test_entries import decision, feedback

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["keys_in_the_settings", "of_every_kind", "var_dir"]


def test_events_cards_and_stages_are_counted(of_every_kind: str, var_dir: Path) -> None:
    sequence_all(of_every_kind, var_dir)
    told = json.loads(run(of_every_kind, "stats", "--json").output)
    assert told["events"] == told["head"]["tree_size"] == 9
    assert told["by_kind"]["access"] == 2
    assert told["by_outcome"]["denied"] == 1
    assert told["by_model"] == {"demo 1.0": 1, "demo": 1}
    assert told["suppressed_by_rule"] == {"interaction": 1}
    assert told["stage_ms"]["score"] == {"p50": pytest.approx(120.5, rel=0.01)} | {
        "p95": pytest.approx(120.5, rel=0.01)
    }
    assert told["head"]["lag_s"] == 0


def test_responded_accepted_and_overridden_are_three_shares_of_cards(
    audit_log: AuditLog, audit_url: str
) -> None:
    first, second = decision(), decision()
    audit_log.append_decision(first)
    audit_log.append_decision(second)
    cards = [card["uuid"] for card in (*first.cards, *second.cards)]
    audit_log.append_feedback(feedback(cards[0]), feedback(cards[1]))
    audit_log.append_feedback(feedback(cards[0], outcome="accepted"), feedback("unknown"))
    told = json.loads(run(audit_url, "stats", "--json").output)["feedback"]
    assert (told["cards_shown"], told["responded_share"]) == (4, 0.5)
    assert (told["accepted_share"], told["overridden_share"]) == (0.25, 0.25)


def test_stats_are_told_in_words_also_of_an_empty_log(audit_url: str) -> None:
    result = run(audit_url, "stats", "--since", "2026-01-01", "--until", "2026-01-31")
    assert result.exit_code == 0
    assert result.output.splitlines()[0].split() == ["events", "0"]
    assert "responded_share" in result.output


def test_quantiles_are_right_to_one_percent() -> None:
    times = Times()
    for ms in range(1, 1001):
        times.add(ms)
    assert times.quantile(0.5) == pytest.approx(500, rel=0.011)
    assert times.quantile(0.95) == pytest.approx(950, rel=0.011)
