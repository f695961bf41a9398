"""What the cards of one call are made from."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from cds_service.answers import Answers
from cds_service.cards.policy import CardPolicy, load_policy
from fhir_mappings.allergies import UNKNOWN_CODE
from fhir_mappings.record import Fact, Gap, PatientRecord
from lamo.explanation import Explanation
from lamo.selection import Choice
from medication_safety.findings import Finding
from medication_safety.taper import TaperTable

ORDER_HOOKS = frozenset({"order-select", "order-sign", "medication-prescribe"})


@dataclass(frozen=True, kw_only=True)
class CardMaterial:
    """Everything that a card may say, and nothing that it may look up."""

    record: PatientRecord
    choice: Choice  # proposals with a finding are already withheld
    findings: tuple[Finding, ...]  # on ordered and on current medications
    gaps: tuple[Gap, ...]
    supports: Mapping[str, tuple[Fact, ...]]  # by RxNorm code of a proposal; none: not suggested
    hook: str
    user_id: str  # "Practitioner/123", as the client names the user
    encounter_id: str | None
    model_name: str
    is_demonstration: bool
    knowledge_version: str
    public_url: str | None  # under which the page about the model stands
    event_id: str  # of the audit entry
    new_uuid: Callable[[], str]
    policy: CardPolicy = field(default_factory=load_policy)
    explanation: Explanation = field(default_factory=Explanation)
    originals: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by reference
    doses: Mapping[str, str] = field(default_factory=dict)  # texts of the drafts, by reference
    tapers: TaperTable = field(default_factory=TaperTable.load)
    overridden: Answers = field(default_factory=Answers)
    stopped: Container[str] = frozenset()  # rules that the hospital has switched off
    has_app: bool = False  # the client's users may open the evidence app
    offers_drafts: bool = True  # False: the client's FHIR is not R4, and only R4 is written

    @property
    def is_order_hook(self) -> bool:
        """Whether the hook carries draft orders that a card can be about."""
        return self.hook in ORDER_HOOKS

    @property
    def shown_gaps(self) -> tuple[Gap, ...]:
        """Each gap that stopped a check, once, by what it means: allergies come first."""
        by_meaning = {gap.meaning: gap for gap in (*self.gaps, *self.choice.gaps) if gap.shown}
        return tuple(sorted(by_meaning.values(), key=lambda gap: "allerg" not in gap.kind))

    @property
    def unreadable_allergies(self) -> tuple[Gap, ...]:
        """Of those the allergies that nobody can read: a code that is unknown, without words."""
        return tuple(gap for gap in self.shown_gaps if gap.kind == UNKNOWN_CODE)
