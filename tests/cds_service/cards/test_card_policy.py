"""Which cards are shown: the policy file, earlier overrides, and the budget of a call."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cds_service.answers import Answers, Earlier
from cds_service.cards.build import CardMaterial, build_cards
from cds_service.cards.policy import CardPolicy, PolicyRefused, RulePolicy, load_policy
from medication_safety.findings import Finding
from tests.cds_service.card_material import (
    GLARGINE,
    LISINOPRIL,
    METFORMIN,
    draft,
    finding,
    material,
)

SHIPPED = load_policy()


def with_policy(**changes: Any) -> CardPolicy:
    return SHIPPED.model_copy(update=changes)


def call_about(*findings: Finding, **changes: Any) -> CardMaterial:
    return replace(material(findings=findings), **changes)


def topics(call: CardMaterial) -> list[str]:
    return [card["source"]["topic"]["code"] for card in build_cards(call).cards]


def quiet(ingredient: Any, rule: str = "cascade") -> Finding:
    return finding(draft(ingredient), rule=rule, severity="info")


def loud(ingredient: Any, rule: str = "allergy", severity: Any = "warning") -> Finding:
    return finding(draft(ingredient), rule=rule, severity=severity)


def test_the_shipped_policy_names_every_rule_that_has_a_topic() -> None:
    assert SHIPPED.version == "draft-1"
    assert len(SHIPPED.sha256) == 64
    assert {"allergy", "interaction", "overprescription", "older-adult"} <= set(SHIPPED.rules)


def test_what_is_quiet_is_one_card_with_a_line_for_each() -> None:
    call = call_about(quiet(METFORMIN), quiet(LISINOPRIL, "usual-course"), loud(GLARGINE))
    cards = build_cards(call).cards
    assert [card["indicator"] for card in cards] == ["warning", "info"]
    assert cards[1]["source"]["topic"]["code"] == "review"
    assert "- **Consider an alternative to Metformin: cascade**" in cards[1]["detail"]
    assert "- **Consider an alternative to Lisinopril: usual-course**" in cards[1]["detail"]
    assert "2 points" in cards[1]["summary"]


def test_a_single_quiet_finding_stays_a_card_of_its_own() -> None:
    assert topics(call_about(quiet(METFORMIN))) == ["cascade"]


def test_the_budget_keeps_the_loudest_and_makes_lines_of_the_rest() -> None:
    findings = [loud(one) for one in (METFORMIN, LISINOPRIL, GLARGINE)]
    critical = loud(replace(METFORMIN, rxcui="1", label="Zyx"), severity="critical")
    call = call_about(*findings, critical, policy=with_policy(most_cards=2))
    cards = build_cards(call).cards
    assert [card["indicator"] for card in cards] == ["critical", "warning", "info"]
    assert "2 points" in cards[2]["summary"]


def test_every_critical_card_is_shown_whatever_the_budget() -> None:
    findings = [loud(one, severity="critical") for one in (METFORMIN, LISINOPRIL, GLARGINE)]
    call = call_about(*findings, policy=with_policy(most_cards=1))
    assert [card["indicator"] for card in build_cards(call).cards] == ["critical"] * 3


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        (RulePolicy(), ["warning"]),
        (RulePolicy(enabled=False), []),
        (RulePolicy(most="info"), ["info"]),
        (RulePolicy(least="critical"), []),
        (RulePolicy(audience=("pharmacist",)), []),
    ],
)
def test_each_rule_can_be_switched_off_lowered_or_meant_for_pharmacists(
    rule: RulePolicy, shown: list[str]
) -> None:
    policy = with_policy(rules=SHIPPED.rules | {"allergy": rule})
    built = build_cards(call_about(loud(METFORMIN), policy=policy))
    assert [card["indicator"] for card in built.cards] == shown
    assert [one["why"] for one in built.suppressed] == ([] if shown else ["policy"])


def test_a_pharmacist_sees_what_is_meant_for_pharmacists() -> None:
    rules = SHIPPED.rules | {"allergy": RulePolicy(audience=("pharmacist",))}
    policy = with_policy(rules=rules, pharmacists=("Practitioner/dr1",))
    assert topics(call_about(loud(METFORMIN), policy=policy)) == ["allergy"]


BASIS = "warning AllergyIntolerance/a1"


@pytest.mark.parametrize("basis", ["warning AllergyIntolerance/a2", "info AllergyIntolerance/a1"])
def test_an_override_says_nothing_of_another_reason_or_of_a_louder_one(basis: str) -> None:
    answered = Answers(by_user=frozenset({("allergy", METFORMIN.rxcui, basis)}))
    assert topics(call_about(loud(METFORMIN), overridden=answered)) == ["allergy"]


def test_what_was_overridden_with_a_reason_is_recorded_and_not_shown() -> None:
    answered = Answers(by_user=frozenset({("allergy", METFORMIN.rxcui, BASIS)}))
    built = build_cards(call_about(loud(METFORMIN), loud(LISINOPRIL), overridden=answered))
    assert ["Lisinopril" in card["detail"] for card in built.cards] == [True]
    assert built.suppressed == [
        {"rule": "allergy", "rxcuis": [METFORMIN.rxcui], "why": "overridden before"}
    ]


@pytest.mark.parametrize(
    ("reason", "told"),
    [("will-monitor", ": Will monitor."), (None, ", with a reason."), ("odd", ", with a reason.")],
)
@pytest.mark.parametrize("severity", ["warning", "critical"])
def test_what_another_user_overrode_is_shown_and_says_when_and_why(
    severity: str, reason: str | None, told: str
) -> None:
    answer = ("allergy", METFORMIN.rxcui, BASIS.replace("warning", severity))
    others = Answers(by_others={answer: Earlier(day="2026-03-01", reason=reason)})
    findings = loud(METFORMIN, severity=severity), loud(LISINOPRIL)
    first, other = build_cards(call_about(*findings, overridden=others)).cards
    assert f"**Overridden by another user** on 2026-03-01{told}" in first["detail"]
    assert "Overridden" not in other["detail"]


def test_each_line_of_a_merged_card_says_who_overrode_it() -> None:
    answer = ("cascade", METFORMIN.rxcui, BASIS.replace("warning", "info"))
    others = Answers(by_others={answer: Earlier(day="2026-03-01", reason=None)})
    call = call_about(quiet(METFORMIN), quiet(LISINOPRIL), overridden=others)
    (card,) = build_cards(call).cards
    lines = [line for line in card["detail"].splitlines() if line.startswith("- ")]
    assert [("Overridden" in line, "Metformin" in line) for line in lines] == [
        (True, True),
        (False, False),
    ]


def test_another_rule_about_the_same_medication_is_shown_all_the_same() -> None:
    answered = Answers(by_user=frozenset({("duplicate-class", METFORMIN.rxcui, BASIS)}))
    assert topics(call_about(loud(METFORMIN), overridden=answered)) == ["allergy"]


def test_a_critical_card_is_never_silenced_by_an_override() -> None:
    answered = Answers(
        by_user=frozenset({("allergy", METFORMIN.rxcui, "critical AllergyIntolerance/a1")})
    )
    call = call_about(loud(METFORMIN, severity="critical"), overridden=answered)
    assert topics(call) == ["allergy"]


def test_what_an_override_of_a_card_would_answer_is_told_for_merged_cards_too() -> None:
    built = build_cards(call_about(quiet(METFORMIN), quiet(LISINOPRIL, "usual-course")))
    (card,) = built.cards
    assert built.about == [
        {
            "card": card["uuid"],
            "rule": rule,
            "rxcui": rxcui,
            "basis": BASIS.replace("warning", "info"),
        }
        for rule, rxcui in (("cascade", METFORMIN.rxcui), ("usual-course", LISINOPRIL.rxcui))
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("version = 1", "version"),
        ('version = "x\\n"', "version"),
        ('version = "x"\n[rules.alergy]\nenabled = false', "no rule is called alergy"),
        ('version = "x"\n[rules.allergy]\naudience = []', "audience"),
        ('version = "x"\n[rules.allergy]\nmost = "info"\nleast = "critical"', "louder than most"),
        ('version = "x"\nmost_cards = true', "most_cards"),
        ('version = "x"\nrules = {}\nmost_cards = 0', "most_cards"),
        ('version = "x"\nrules = {}\nmost_card = 3', "most_card"),
        ('version = "x"\n[rules.allergy]\nmost = "loud"', "rules.allergy.most"),
        ("version = ", "no TOML"),
        ("\udcff", "no TOML"),
    ],
)
def test_a_policy_that_is_wrong_stops_the_start_and_says_where(
    tmp_path: Path, text: str, found: str
) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(PolicyRefused, match=found):
        load_policy(path)


def test_a_policy_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefused, match=r"no\.toml: it cannot be read"):
        load_policy(tmp_path / "no.toml")
