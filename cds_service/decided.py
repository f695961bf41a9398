"""What one call led to, on its way into cards and into the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cds_service.answers import Answers
from cds_service.audit.entries import DecisionEntry, InputState
from cds_service.call import Call
from cds_service.cards.build import Built
from cds_service.cards.material import CardMaterial
from cds_service.hooks.request import HookRequest
from cds_service.prefetch.complete import Prefetched
from cds_service.rows import chosen_row, finding_row, moved_row, note_row, score_table
from cds_service.served.identity import model_identity
from cds_service.tools import Tools
from fhir_mappings.record import Fact, Gap, PatientRecord
from fhir_mappings.versions import Version
from lamo.explanation import Explanation
from lamo.notes.merge import ReadNote
from lamo.prompts import Prompt
from lamo.selection import CandidateScore, Choice
from medication_safety.check import is_on_proposal
from medication_safety.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """How the call came about: who, when, from what, in which time."""

    call: Call
    received_at: datetime
    prefetched: Prefetched


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Everything that was made of one call before its cards."""

    event_id: str
    request: HookRequest
    record: PatientRecord
    notes: tuple[ReadNote, ...]
    prompt: Prompt
    choice: Choice
    findings: tuple[Finding, ...]
    explanation: Explanation
    gaps: tuple[Gap, ...]
    stopped: frozenset[str] = frozenset()  # rules that the hospital has switched off
    fhir_versions: tuple[Version, ...] = ("R4",)  # that the resources of the call show

    def card_material(
        self,
        tools: Tools,
        originals: Mapping[str, Mapping[str, Any]],
        overridden: Answers,
        *,
        has_app: bool = False,
    ) -> CardMaterial:
        """What the cards may say.

        Args:
            tools: whose policy and tables the cards name.
            originals: the orders of the record as they came, by reference.
            overridden: what users answered not long ago.
            has_app: whether the client's users may open the evidence app.
        """
        return CardMaterial(
            record=self.record,
            choice=self.choice,
            findings=tuple(found for found in self.findings if not is_on_proposal(found)),
            gaps=self.gaps,
            supports={
                score.ingredient.rxcui: self._supports(score, tools)
                for score in self.choice.proposed
            },
            hook=self.request.hook,
            user_id=self.request.user_id,
            encounter_id=self.request.encounter_id,
            model_name=f"{tools.artifact.name} {tools.artifact.version}",
            is_demonstration=tools.artifact.is_demonstration,
            knowledge_version=tools.rulebook.version,
            public_url=tools.settings.public_url,
            event_id=self.event_id,
            has_app=has_app,
            new_uuid=tools.new_uuid,
            policy=tools.policy,
            overridden=overridden,
            explanation=self.explanation,
            originals=originals,
            doses=self.request.orders.doses,
            stopped=self.stopped,
            tapers=tools.rulebook.tapers,
            offers_drafts=self.fhir_versions == ("R4",),
        )

    def audit_entry(self, built: Built, trail: Trail, tools: Tools) -> DecisionEntry:
        """The row that stands in the audit log before the cards leave."""
        found = trail.prefetched
        inputs = {
            key: InputState(state=state, resources=len(found.resources.get(key, ())))
            for key, state in found.states.items()
        }
        return DecisionEntry(
            event_id=self.event_id,
            request_id=trail.call.request_id,
            service_id=self.request.service_id,
            hook=self.request.hook,
            hook_instance=self.request.hook_instance,
            client=trail.call.caller.client,
            user=self.request.user_id,
            patient_id=self.request.patient_id,
            encounter_id=self.request.encounter_id,
            received_at=trail.received_at,
            decided_at=tools.clock(),
            inputs=inputs,
            notes=[note_row(note) for note in self.notes],
            prompt_version=self.prompt.version,
            prompt_sha256=self.prompt.sha256,
            prompt=self.prompt.text,
            model=model_identity(tools.artifact, tools.rulebook, tools.policy),
            scores=score_table(self.choice.scores),
            cards=built.cards,
            about=built.about,
            suppressed=built.suppressed,
            gaps=self.gaps,
            findings=[finding_row(finding) for finding in self.findings],
            explained=[moved_row(moved) for moved in self.explanation.moved],
            stage_ms=trail.call.watch.stage_ms | {"total": trail.call.watch.total_ms()},
            fhir_versions=self.fhir_versions,
            chosen=chosen_row(self.record, self.choice),
        )

    def _supports(self, score: CandidateScore, tools: Tools) -> tuple[Fact, ...]:
        """The facts in the record that the indication table names for this medication."""
        indicating = set(tools.indications.for_label(score.ingredient.label))
        facts = [found.fact for found in self.record.diagnoses if found.label in indicating]
        facts += [
            Fact(text=done.display, reference=done.reference, dated=done.dated)
            for done in self.record.procedures
            if done.label in indicating
        ]
        return tuple(facts)
