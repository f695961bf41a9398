"""From scores to what is proposed and what is not supported. Policies arrive from the artifact."""

from dataclasses import dataclass

from fhir_mappings.record import Gap, Ingredient, Medication


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateScore:
    """The score of one candidate medication for one patient."""

    ingredient: Ingredient
    log_odds: float  # of Yes against No, uncalibrated
    probability: float  # calibrated on the artifact's validation patients
    recommend_at: float  # log-odds from which the artifact proposes this medication
    support_at: float  # log-odds below which an order of it is not supported
    base_rate: float  # share of the validation visits in which it was prescribed


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """An ordered medication whose score is under its own support threshold."""

    medication: Medication
    score: CandidateScore


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
    proposed: tuple[CandidateScore, ...] = ()  # not on the list, above recommend_at, best first
    unsupported: tuple[Unsupported, ...] = ()
    regimen: Regimen | None = None  # None: not longer than expected, or not judged
    gaps: tuple[Gap, ...] = ()  # for example an ordered medication outside the vocabulary
