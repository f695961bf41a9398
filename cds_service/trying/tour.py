"""A tour of the service: examples and made-up patients, and the cards that have to come.

A stop names the topics of the cards that it is there to show (cards/parts.py, TOPICS); other cards
may stand beside them. A stop without topics is there to show that the service can be silent.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from cds_service.cds_client.answer import Answer, Json
from cds_service.cds_client.client import CallFailed, CdsClient
from cds_service.trying.story import topics

# by file: what it shows, and the topics that have to be there
EXAMPLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "patient-view.json": ("A chart is opened in which nothing is wrong.", ()),
    "order-select.json": (
        "An order is being chosen that little in the record supports.",
        ("overprescription",),
    ),
    "order-sign.json": (
        "Orders are signed: an allergy, a second statin, and more than is usual.",
        ("allergy", "duplicate-class", "overprescription", "regimen"),
    ),
    "encounter-discharge.json": ("A patient goes home with a list that fits the record.", ()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One call, and what it is there to show."""

    title: str
    shows: str
    wanted: Sequence[str]  # topics of cards; none where no card has to come
    call: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """What came back at a stop."""

    stop: Stop
    answer: Answer

    @property
    def missing(self) -> tuple[str, ...]:
        """The topics that no card has."""
        there = topics(self.answer.cards)
        return tuple(topic for topic in self.stop.wanted if topic not in there)

    @property
    def is_ok(self) -> bool:
        """Whether it was answered, and showed what it is there to show."""
        is_silent = self.stop.wanted or not self.answer.cards
        return self.answer.status == 200 and not self.missing and bool(is_silent)

    @property
    def verdict(self) -> str:
        """What it shows of the service, in a few words."""
        if self.answer.status != 200:
            return f"refused with {self.answer.status}: {self.answer.diagnostics}"
        if self.missing:
            return f"no card about {', '.join(self.missing)}"
        if not self.is_ok:
            return f"{len(self.answer.cards)} cards, wanted none"
        return f"as it has to be: {', '.join(self.stop.wanted) or 'silence'}"

    def to_json(self) -> Json:
        """As `--json` prints it."""
        return {
            "stop": self.stop.title,
            "shows": self.stop.shows,
            "wanted": list(self.stop.wanted),
            "ok": self.is_ok,
            "verdict": self.verdict,
            "status": self.answer.status,
            "ms": round(self.answer.ms),
            "cards": self.answer.cards,
        }


def example_stops(folder: Path) -> Iterator[Stop]:
    """The documented examples of a folder.

    Raises:
        CallFailed: one of them is not there.
    """
    for name, (shows, wanted) in EXAMPLES.items():
        try:
            call = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise CallFailed(
                f"there is no {name} in {folder}: name the folder of the examples with --examples, "
                "or leave them out with --patients-only"
            ) from None
        yield Stop(title=name, shows=shows, wanted=wanted, call=call)


def patient_stops(find: Callable[[str], Json]) -> Iterator[Stop]:
    """Every patient of the sandbox, with the hook that shows what they are there for.

    The prefetch is filled here, so no sandbox has to run.

    Args:
        find: the service for a hook.

    Raises:
        CallFailed: no answer, or no service for a hook.
    """
    from cds_service.sandbox.app import open_sandbox
    from cds_service.sandbox.ehr_keys import EhrKeys
    from cds_service.sandbox.firing import Occasion, OwnChart, build_call

    base = "http://127.0.0.1"
    desk = open_sandbox(base, base, EhrKeys(issuer=base))
    chart = OwnChart(store=desk.store, base=desk.fhir_base)
    for patient in desk.patients:
        occasion = Occasion(
            hook=patient.hook,
            patient_id=patient.patient_id,
            encounter_id=patient.encounter_id,
            drafts=patient.drafts,
        )
        call = build_call(find(patient.hook), occasion, chart).body
        yield Stop(title=patient.name, shows=patient.shows, wanted=patient.rules, call=call)


def visit(stop: Stop, client: CdsClient, find: Callable[[str], Json]) -> Stopped:
    """Fire the call of a stop.

    Args:
        stop: what to fire.
        client: that calls.
        find: the service for a hook.

    Raises:
        CallFailed: no answer, or no service for the hook.
    """
    call = {**stop.call, "hookInstance": str(uuid4())}
    service_id = str(find(str(call["hook"])).get("id"))
    return Stopped(stop=stop, answer=client.call(service_id, call))
