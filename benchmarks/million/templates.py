"""Real decisions to begin from, and the medications that others are about."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.calls import example
from cds_service.audit.entries import DecisionEntry, Table
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade
from cds_service.call import Call
from cds_service.decision import decide
from cds_service.hooks.discovery import find_service
from cds_service.hooks.request import HookRequest
from cds_service.keys.building import build_keys
from cds_service.settings import Settings
from cds_service.tools import build_tools
from cds_service.trust import Caller
from fhir_mappings.formulary import Formulary
from lamo.deadline import Deadline

DEADLINE_MS = 60_000
MOVES = range(-15, 16)  # of the scores, in tenths of a log-odd
SERVICE_IDS = (
    "lamo-patient-view",
    "lamo-order-select",
    "lamo-order-sign",
    "lamo-encounter-discharge",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drug:
    """One medication of the formulary."""

    rxcui: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """What every process of the generator begins from."""

    decisions: Mapping[str, DecisionEntry]  # by hook: as the service made it
    scores: Mapping[str, Sequence[Table]]  # by hook: those of the decision, each moved otherwise
    drugs: Sequence[Drug]  # the most usual ones first


class _Taking(AuditLog):
    """Takes decisions, and keeps them for us as well."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.taken: dict[str, DecisionEntry] = {}

    def append_decision(self, entry: DecisionEntry) -> bytes:
        self.taken[entry.hook] = entry
        return super().append_decision(entry)


def load_templates() -> Templates:
    """Answer the example of each hook by the real service, and read the formulary."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(var_dir=Path(folder), deadline_ms=DEADLINE_MS)
        upgrade(settings.database_url)
        log = _Taking(settings.database_url, build_keys(settings))
        tools = replace(build_tools(settings), audit_log=log, signing=None)
        for service in map(find_service, SERVICE_IDS):
            request = HookRequest.from_json(service, example(service.hook))
            deadline = Deadline.after_ms(DEADLINE_MS)
            decide(
                request, Call(caller=Caller(), request_id=str(uuid4()), deadline=deadline), tools
            )
        log.close()
    entries = Formulary.load().entries
    return Templates(
        decisions=log.taken,
        scores={
            hook: [_moved(entry.scores, tenths / 10) for tenths in MOVES]
            for hook, entry in log.taken.items()
        },
        drugs=[Drug(rxcui=entry.rxcui, label=entry.label) for entry in entries],
    )


def _moved(scores: Table, by: float) -> Table:
    rows = [(round(row[0] + by, 4), *row[1:]) for row in scores.rows]
    return Table(columns=scores.columns, rows=rows)
