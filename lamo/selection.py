"""From scores to what is proposed and what is not supported. Policies arrive from the artifact."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations
from typing import Protocol

from fhir_mappings.record import Gap, Ingredient, Medication, PatientRecord
from lamo.artifact import Artifact, VocabularyEntry
from lamo.policies import Context, Policy, select
from medication_safety.check import is_on_proposal
from medication_safety.duplicates import shared_class
from medication_safety.findings import Finding, Severity
from medication_safety.knowledge import Knowledge
from medication_safety.rulebook import Rulebook

REGIMEN_FROM = 5  # medications: shorter lists are never called long (Masnoon 2017: polypharmacy)
Z_95 = 1.645  # one-sided 95 % of a normal distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateScore:
    """The score of one candidate medication for one patient."""

    ingredient: Ingredient
    log_odds: float  # of Yes against No, uncalibrated
    probability: float  # calibrated on the artifact's validation patients
    recommend_at: float  # log-odds from which the artifact proposes this medication
    support_at: float  # log-odds below which an order of it is not supported
    base_rate: float  # share of the validation visits in which it was prescribed
    balance: float = 0.0  # log-odds that the policy balanced-jaccard adds before ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """A medication whose score is under its own support threshold."""

    medication: Medication
    score: CandidateScore

    @property
    def short_by(self) -> float:
        """How far under it, in log-odds."""
        return self.score.support_at - self.score.log_odds


@dataclass(frozen=True, slots=True, kw_only=True)
class Regimen:
    """The length of the whole list beside what the model expects for such a patient."""

    listed: int  # distinct ingredients, current and ordered
    expected: float
    upper: float  # 95th percentile of the count, from the calibrated probabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the model's scores lead to, before any safety rule has looked at it."""

    scores: tuple[CandidateScore, ...] = ()  # every candidate, best first; empty in an outage
    proposed: tuple[CandidateScore, ...] = ()  # chosen by the policy, not on the list, best first
    unsupported: tuple[Unsupported, ...] = ()  # of the orders
    doubtful: tuple[Unsupported, ...] = ()  # of what is taken already; when all was scored
    regimen: Regimen | None = None  # None: not longer than expected, or not judged
    gaps: tuple[Gap, ...] = ()  # for example an ordered medication outside the vocabulary


class Coded(Protocol):
    """A candidate, of an artifact's vocabulary or of the formulary."""

    @property
    def rxcui(self) -> str:
        """RxNorm code of the ingredient."""

    @property
    def label(self) -> str:
        """Its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPairs:
    """Which two ingredients should not stand together, for policies that weigh it. By RxNorm."""

    interactions: Mapping[frozenset[str], float] = field(default_factory=dict)  # weight, 1: severe
    duplicates: Set[frozenset[str]] = frozenset()  # of one class


NO_PAIRS = KnownPairs()
WEIGHTS: Mapping[Severity, float] = {"critical": 1.0, "warning": 0.5, "info": 0.1}
Indicating = Callable[[str], Collection[str]]  # medication label to condition labels


def _unknown(_medication: str) -> Collection[str]:
    return ()


def known_pairs(policy: Policy, candidates: Iterable[Coded], rulebook: Rulebook) -> KnownPairs:
    """What a policy weighs, of the tables that ship; nothing where it gives pairs no cost.

    An interaction weighs by its severity; one that harms only with a risk in the record does not.
    """
    if not policy.weighs_pairs:
        return NO_PAIRS
    return KnownPairs(
        interactions={
            frozenset(pair): WEIGHTS[rule.severity]
            for pair, rules in rulebook.interactions.pairs.items()
            for rule in reversed(rules)  # the strongest is the first, and counts
            if rule.needs is None
        },
        duplicates=duplicate_pairs(candidates, rulebook.knowledge),
    )


def duplicate_pairs(candidates: Iterable[Coded], knowledge: Knowledge) -> frozenset[frozenset[str]]:
    """Every two candidates of one class. Some 20,000 comparisons: make it once, at the start."""
    ingredients = (_ingredient(one.rxcui, one.label) for one in candidates)
    return frozenset(
        frozenset((one.rxcui, other.rxcui))
        for one, other in combinations(ingredients, 2)
        if shared_class(one, other, knowledge)
    )


def candidates_for(
    record: PatientRecord, artifact: Artifact, *, only_ordered: bool = False
) -> Sequence[str]:
    """The labels to be scored: the whole vocabulary, or what of the orders is in it."""
    if not only_ordered:
        return [entry.label for entry in artifact.vocabulary]
    ordered = {part.rxcui for order in record.ordered for part in order.ingredients}
    return [entry.label for entry in artifact.vocabulary if entry.rxcui in ordered]


def choose(
    record: PatientRecord,
    log_odds: Mapping[str, float],
    artifact: Artifact,
    pairs: KnownPairs = NO_PAIRS,
    indicating: Indicating = _unknown,
) -> Choice:
    """Apply the artifact's policy and thresholds to the scores of one patient.

    Args:
        record: the patient, with current and ordered medications.
        log_odds: by candidate label; empty when scoring failed, and then nothing is judged.
            Unless they are of the whole vocabulary, only orders are judged: what to suggest and
            how long a list may be depends on all candidates.
        artifact: whose `selection` names the policy; its vocabulary holds the thresholds.
        pairs: read only by a policy that weighs interactions or duplicates.
        indicating: what a medication is commonly given for. An order of one that stands in the
            record is supported, whatever its score: on a long chart a model may overlook it.
    """
    scored = (_candidate(artifact.by_label[label], value) for label, value in log_odds.items())
    scores = tuple(sorted(scored, key=lambda score: -score.probability))
    by_rxcui = {score.ingredient.rxcui: score for score in scores}
    on_list = {ingredient.rxcui for ingredient in (*record.on_list(), *record.told)}
    is_whole = len(scores) == len(artifact.vocabulary)
    return Choice(
        scores=scores,
        proposed=_proposed(scores, on_list, artifact, pairs) if is_whole else (),
        unsupported=tuple(_unsupported(record.ordered, record, by_rxcui, indicating)),
        doubtful=tuple(_unsupported(record.current, record, by_rxcui, indicating))
        if is_whole
        else (),
        regimen=_regimen(record, scores) if is_whole else None,
        gaps=tuple(_outside(record.ordered, artifact)),
    )


def withhold(choice: Choice, findings: Iterable[Finding]) -> Choice:
    """The choice without the proposals that our own rules object to."""
    withheld = {
        ingredient
        for finding in findings
        if is_on_proposal(finding)
        for ingredient in finding.medication.ingredients
    }
    return replace(
        choice, proposed=tuple(s for s in choice.proposed if s.ingredient not in withheld)
    )


@lru_cache(maxsize=8192)
def _ingredient(rxcui: str, label: str) -> Ingredient:
    """One object for one medication, made once and not for every patient."""
    return Ingredient(rxcui=rxcui, label=label)


def _candidate(entry: VocabularyEntry, log_odds: float) -> CandidateScore:
    return CandidateScore(
        ingredient=_ingredient(entry.rxcui, entry.label),
        log_odds=log_odds,
        probability=entry.probability(log_odds),
        recommend_at=entry.recommend_at,
        support_at=entry.support_at,
        base_rate=entry.base_rate,
        balance=entry.balance,
    )


def _proposed(
    scores: Sequence[CandidateScore], on_list: Set[str], artifact: Artifact, pairs: KnownPairs
) -> tuple[CandidateScore, ...]:
    policy = artifact.selection
    codes = [score.ingredient.rxcui for score in scores]
    chosen = select(policy, scores, context_of(codes, pairs, on_list))
    return tuple(
        score
        for index, score in enumerate(scores)
        if index in chosen and score.probability >= policy.propose_from
    )


def context_of(codes: Sequence[str], pairs: KnownPairs, on_list: Set[str] = frozenset()) -> Context:
    """The list and the pairs, by place among the candidates; listed outsiders come after them."""
    outside = sorted(on_list - set(codes))
    place = {rxcui: index for index, rxcui in enumerate((*codes, *outside))}

    def places(pair: Iterable[str]) -> frozenset[int]:
        return frozenset(place[rxcui] for rxcui in pair)

    return Context(
        listed=places(on_list),
        interactions={
            places(pair): weight
            for pair, weight in pairs.interactions.items()
            if pair <= place.keys()
        },
        duplicates=frozenset(places(pair) for pair in pairs.duplicates if pair <= place.keys()),
    )


def _unsupported(
    medications: Iterable[Medication],
    record: PatientRecord,
    by_rxcui: Mapping[str, CandidateScore],
    indicating: Indicating,
) -> Iterable[Unsupported]:
    """Each of them with an ingredient under its threshold, with the furthest under of them.

    One with an indication in the record, present or past, is none of them.
    """
    labels = {one.label for one in (*record.diagnoses, *record.past_diagnoses)}
    labels |= {one.label for one in record.procedures}
    for medication in medications:
        scores = [by_rxcui[i.rxcui] for i in medication.ingredients if i.rxcui in by_rxcui]
        under = [score for score in scores if score.log_odds < score.support_at]
        if any(not labels.isdisjoint(indicating(one.ingredient.label)) for one in under):
            continue
        if under:
            worst = min(under, key=lambda score: score.log_odds - score.support_at)
            yield Unsupported(medication=medication, score=worst)


def _outside(ordered: Iterable[Medication], artifact: Artifact) -> Iterable[Gap]:
    for medication in ordered:
        unknown = [i.label for i in medication.ingredients if i.rxcui not in artifact.by_rxcui]
        if unknown:
            yield Gap(
                kind="outside-vocabulary",
                where=medication.reference or "draft order",
                meaning=f"{', '.join(unknown)} is not among the medications that the model knows: "
                "whether the record supports it was not judged",
                shown=True,
            )


def _regimen(record: PatientRecord, scores: tuple[CandidateScore, ...]) -> Regimen | None:
    """The list's length, when it is longer than the model expects; never for intensive care.

    The count of medications is a sum of independent yes/no draws with the calibrated
    probabilities, so its mean is their sum and its variance the sum of p(1 - p).
    """
    known = {score.ingredient.rxcui for score in scores}
    listed = len({ingredient.rxcui for ingredient in record.on_list()} & known)
    if not record.ordered or record.setting == "icu" or listed < REGIMEN_FROM or not scores:
        return None
    expected = sum(score.probability for score in scores)
    variance = sum(score.probability * (1 - score.probability) for score in scores)
    upper = expected + Z_95 * math.sqrt(variance)
    return Regimen(listed=listed, expected=expected, upper=upper) if listed > upper else None
