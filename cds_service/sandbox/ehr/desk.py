"""What the pages work with, and what one person does at a time: open charts, calls, answers."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from cds_service.cds_client.answer import Answer
from cds_service.cds_client.client import CdsClient
from cds_service.sandbox.fhir.store import Resource, Store
from cds_service.sandbox.firing import HookCall, Occasion
from cds_service.sandbox.patients import SandboxPatient, SandboxUser
from cds_service.sandbox.smart.desk import SmartDesk
from cds_service.sandbox.smart.sessions import Launch
from fhir_mappings.formulary import Formulary

MOST_FIRINGS = 20  # that are remembered of a chart


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One hook that was fired, and what came of it."""

    occasion: Occasion
    call: HookCall | None  # None: discovery failed, or offers nothing for the hook
    answer: Answer
    moment: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done with a card."""

    text: str
    feedback: Answer | None = None  # what the service said to it


@dataclass(slots=True, kw_only=True)
class OpenChart:
    """What happened with the chart of one patient since the sandbox was started."""

    firings: deque[Firing] = field(default_factory=lambda: deque(maxlen=MOST_FIRINGS))  # newest 1st
    outcomes: dict[str, Outcome] = field(default_factory=dict)  # by the uuid of the card
    notice: str = ""  # what the last click did
    is_refused: bool = False  # the last click could not be done

    def tell(self, text: str, *, is_refused: bool = False) -> None:
        """Say on the page what a click did."""
        self.notice, self.is_refused = text, is_refused

    def card(self, uuid: str) -> tuple[Firing, Mapping[str, Any]] | None:
        """A card that was given for this patient, and the firing that it came with."""
        for firing in self.firings:
            for card in firing.answer.cards:
                if card.get("uuid") == uuid:
                    return firing, card
        return None


@dataclass(slots=True, kw_only=True)
class Sitting:
    """What the one person at this machine has chosen and opened."""

    user: SandboxUser
    sends_prefetch: bool = True
    services: Sequence[Mapping[str, Any]] = ()  # as discovery listed them
    charts: dict[str, OpenChart] = field(default_factory=dict)  # by patient

    def chart(self, patient_id: str) -> OpenChart:
        """What happened with a patient's chart."""
        return self.charts.setdefault(patient_id, OpenChart())


@dataclass(frozen=True, slots=True, kw_only=True)
class EhrDesk:
    """What the pages work with."""

    patients: Sequence[SandboxPatient]
    users: Sequence[SandboxUser]
    sitting: Sitting
    store: Store
    smart: SmartDesk
    client: CdsClient  # of the service
    formulary: Formulary = field(default_factory=Formulary.load)
    clock: Callable[[], datetime] = _now

    @property
    def today(self) -> date:
        """The day on which orders are written."""
        return self.clock().date()

    def patient(self, patient_id: str) -> SandboxPatient | None:
        """The patient of an id."""
        return next((one for one in self.patients if one.patient_id == patient_id), None)

    def orders(self, patient_id: str, *statuses: str) -> list[Resource]:
        """The patient's orders that have one of these statuses, the oldest first."""
        reference = f"Patient/{patient_id}"
        return [
            one
            for one in self.store.all_of("MedicationRequest")
            if one["subject"].get("reference") == reference and one["status"] in statuses
        ]

    def launch_of(self, patient: SandboxPatient, app_context: str | None = None) -> Launch:
        """Why an app is opened from this patient's chart."""
        return Launch(
            patient=patient.patient_id,
            user=self.sitting.user.user_id,
            encounter=patient.encounter_id,
            app_context=app_context,
        )
