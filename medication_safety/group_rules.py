"""What rules on groups of medications share: their columns, and finding them by ingredient."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, TypeVar

from pydantic import Field, StringConstraints

from fhir_mappings.record import Medication
from medication_safety.findings import Severity
from medication_safety.forms import is_flush, is_local
from medication_safety.tables import Members, Name, Row

RANK: dict[Severity, int] = {"critical": 0, "warning": 1, "info": 2}

Rule = TypeVar("Rule", bound="GroupRule")
Groups = Annotated[dict[Name, Members], Field(min_length=1)]
Source = Annotated[str, StringConstraints(min_length=1, max_length=46)]  # a card's source is short
Advice = Annotated[str, StringConstraints(min_length=1, max_length=34)]  # completes "Consider ..."
Words = Annotated[str, StringConstraints(min_length=1, max_length=140)]


class GroupRule(Row):
    """What every rule on a group of medications says."""

    id: Name
    group: Name
    severity: Severity
    advice: Advice
    why: Words
    source: Source
    not_if: Words


def rules_of(
    medication: Medication, rules: Mapping[str, tuple[Rule, ...]]
) -> Iterator[tuple[str, Rule]]:
    """(RxNorm code, rule) for each ingredient of a medication."""
    for ingredient in medication.ingredients:
        for rule in rules.get(ingredient.rxcui, ()):
            yield ingredient.rxcui, rule


def acts_in_body(medication: Medication, rxcui: str, any_route: frozenset[str]) -> bool:
    """Whether an ingredient acts beyond the place where this medication is put."""
    return rxcui in any_route or not _stays_put(medication.wording)


@lru_cache(maxsize=4096)
def _stays_put(display: str) -> bool:
    """Read once for each wording: the same medication meets many others."""
    return is_local(display) or is_flush(display)


def codes_of(groups: Mapping[str, Members]) -> dict[str, frozenset[str]]:
    """Each group's RxNorm codes."""
    return {name: frozenset(one.rxcui for one in members) for name, members in groups.items()}


def by_ingredient(
    rules: Iterable[Rule], groups: Mapping[str, frozenset[str]]
) -> dict[str, tuple[Rule, ...]]:
    """RxNorm code to the rules on it, the strongest first."""
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in sorted(rules, key=lambda rule: RANK[rule.severity]):
        for code in groups[rule.group]:
            found[code] = (*found.get(code, ()), rule)
    return found
