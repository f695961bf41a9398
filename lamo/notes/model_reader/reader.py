"""`NoteReader` over a language model: what it says is kept where the note says it too."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lamo.deadline import Deadline
from lamo.notes.grounding import grounded
from lamo.notes.model_reader.answers import Answerless, Found
from lamo.notes.model_reader.asking import Asking, Patience, Tally
from lamo.notes.model_reader.chunks import cut_text, estimate_tokens
from lamo.notes.model_reader.endpoint import Endpoint
from lamo.notes.model_reader.plan import EndpointRefused, ModelReaderPlan
from lamo.notes.model_reader.prompt import (
    ALLERGIES,
    HOME,
    HPI,
    JOINED,
    PMH,
    SECTIONS,
    questions_hash,
)
from lamo.notes.sections import Claims, NoteSections, NoteUnread

VERSION = 2  # raised where this code gives other answers to the same questions
_HASH_CHARS = 12
_TEMPLATE_TOKENS = 64  # what a chat template puts around two messages
_LEAST_PIECE_TOKENS = 128  # less than that is no piece of a note

Ground = Callable[[str, Claims], NoteSections]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was found in one note, and what it took."""

    sections: NoteSections
    usage: Mapping[str, int]  # prompt_tokens, completion_tokens, calls, chunks, tries
    fingerprint: str | None  # of the provider; several of them where it changed on the way


class ModelReader:
    """Reads notes through one endpoint. Safe to share between threads."""

    def __init__(
        self,
        plan: ModelReaderPlan,
        ground: Ground = grounded,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the plan; nothing is sent before the first note.

        Raises:
            EndpointRefused: no note may go to the plan's address, or none would fit the context.
        """
        self._endpoint = Endpoint(plan)
        self._plan, self._ground, self._pause = plan, ground, pause
        self._piece_tokens = _piece_tokens(plan)
        self._name = f"model:{plan.model}:{_asked_hash(plan)}:{VERSION}"

    @property
    def name(self) -> str:
        """Model, hash of prompts, schemas and sizes, and version of the reader."""
        return self._name

    def read(self, text: str) -> NoteSections:
        """The sections of `read_with_usage`.

        Raises:
            NoteUnread: no usable answer within the plan's time and tries.
        """
        return self.read_with_usage(text).sections

    def read_with_usage(self, text: str) -> Reading:
        """Ask the model about one note; what the note does not hold is dropped and counted.

        Raises:
            NoteUnread: no usable answer within the plan's time and tries; the reason holds
                nothing of the note and no key.
        """
        deadline, tally = Deadline.after_ms(self._plan.seconds * 1000), Tally()
        patience = Patience(tries=self._plan.tries, deadline=deadline, pause=self._pause)
        try:
            with self._endpoint.opened(deadline) as conversation:
                found = self._found(text, Asking(conversation, patience, tally))
        except Answerless as failure:
            raise NoteUnread(f"the note model {failure}") from None
        return Reading(
            sections=self._ground(text, _claims(found)),
            usage=tally.usage(),
            fingerprint=", ".join(tally.fingerprints) or None,
        )

    def _found(self, text: str, asking: Asking) -> Found:
        """One pass over the pieces; a second one over what several of them gave."""
        if not text.strip():
            return {}
        answers = asking.over(SECTIONS, self._pieces(text))
        asking.tally.chunks = len(answers)
        if len(answers) == 1:
            return answers[0]
        return {name: self._joined(name, answers, asking) for name in JOINED}

    def _joined(self, name: str, answers: Sequence[Found], asking: Asking) -> tuple[str, ...]:
        parts = _parts(answers, name)
        if not parts:
            return ()
        return _parts(asking.over(JOINED[name], self._pieces("\n".join(parts))), name)

    def _pieces(self, text: str) -> list[str]:
        pieces = cut_text(text, self._piece_tokens, self._plan.most_chunks)
        if pieces is None:
            raise Answerless(
                f"was not asked: the note has about {estimate_tokens(text)} tokens, more than "
                f"{self._plan.most_chunks} pieces of {self._piece_tokens}"
            )
        return [piece for piece in pieces if piece.strip()]


def _parts(answers: Sequence[Found], name: str) -> tuple[str, ...]:
    """What the answers have of one section, in order, nothing twice."""
    parts: dict[str, str] = {}
    for part in (part for found in answers for part in found[name]):
        parts.setdefault(part.casefold(), part)
    return tuple(parts.values())


def _claims(found: Found) -> Claims:
    """Without what the note says was given at discharge: that is the answer to LAMO's question."""
    return Claims(
        history_of_present_illness="\n".join(found.get(HPI, ())),
        past_medical_history="\n".join(found.get(PMH, ())),
        allergies=found.get(ALLERGIES, ()),
        medications_on_admission=found.get(HOME, ()),
    )


def _piece_tokens(plan: ModelReaderPlan) -> int:
    """Estimated tokens that a piece may have beside the longest prompt and the answer."""
    asked = [json.dumps([q.messages(""), q.schema()]) for q in (SECTIONS, *JOINED.values())]
    prompt = max(map(estimate_tokens, asked))
    left = plan.context_tokens - plan.answer_tokens - prompt - _TEMPLATE_TOKENS
    if left < _LEAST_PIECE_TOKENS:
        raise EndpointRefused(
            f"LAMO_NOTES_CONTEXT_TOKENS {plan.context_tokens} leaves {left} for a piece of a note "
            f"beside the prompt ({prompt}) and the answer ({plan.answer_tokens}), wanted are "
            f"{_LEAST_PIECE_TOKENS}: take a model with a longer context, and say so there"
        )
    return left


def _asked_hash(plan: ModelReaderPlan) -> str:
    """Changes with whatever changes the requests about a note, where they are cut included."""
    sizes = f"{plan.context_tokens} {plan.answer_tokens}"
    return hashlib.sha256(f"{questions_hash()} {sizes}".encode()).hexdigest()[:_HASH_CHARS]
