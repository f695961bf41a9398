"""The engine's way to score one patient: read what is not known yet, then answer all at once."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import torch

from lamo.artifact import Artifact
from lamo.deadline import Deadline
from lamo.scoring.engine.decoder import Decoder
from lamo.scoring.engine.prefixes import PrefixCache
from lamo.scoring.engine.questions import BASE, Part, Question
from lamo.scoring.engine.weights import Source, load_weights
from lamo.scoring.packing import Packer
from lamo.scoring.plan import LocalPlan
from lamo.scoring.tokens import CandidateTokens
from lamo.scoring.variants import Beginning, at_once

BYTES_PER_SCORE = 150  # a label and a float in a dictionary, roughly
READ_AT_ONCE = 2  # groups: more rows at once fall out of the processor's caches


@dataclass(frozen=True, slots=True)
class _Known:
    """Scores made before, of the very same prefix."""

    log_odds: Mapping[str, float]

    @property
    def bytes(self) -> int:
        return BYTES_PER_SCORE * len(self.log_odds)


class GroupedEngine:
    """Scores behind one prefix per group, or one for all groups with activated adapters."""

    def __init__(self, artifact: Artifact, tokens: CandidateTokens, plan: LocalPlan) -> None:
        yes, no = (artifact.answer_token_ids[word] for word in ("Yes", "No"))
        adapters = [artifact.folder / group.adapter for group in artifact.groups]
        base = artifact.base_model_folder
        source = Source(base, adapters, (yes, no), plan.dtype_for(base), plan.device)
        self.decoder = Decoder(load_weights(source))
        self.prefixes = PrefixCache(plan.cache_bytes)
        self.remembers_scores = True
        self._packer = Packer(tokens, plan.device)
        place = {group.name: index for index, group in enumerate(artifact.groups)}
        self._group_of = {entry.label: place[entry.group] for entry in artifact.vocabulary}
        self._invocation = list(self.decoder.weights.invocation)

    @property
    def most_tokens(self) -> int:
        """The longest prompt that the model takes, suffix included."""
        return self.decoder.most_tokens

    @torch.inference_mode()
    def score(
        self, prefix: Sequence[int], candidates: Sequence[str], deadline: Deadline
    ) -> dict[str, float]:
        """Log-odds by candidate; DeadlinePassed between two stages of the work."""
        exact = array("i", prefix).tobytes()
        known = self.prefixes.find(("scores", exact)) if self.remembers_scores else None
        done = dict(known.log_odds) if known else {}
        missing = [label for label in candidates if label not in done]
        if missing:
            done |= self._answered(exact, prefix, missing, deadline)
            self.prefixes.keep(("scores", exact), _Known(done))
        return {label: done[label] for label in candidates}

    @torch.inference_mode()
    def score_variants(
        self,
        whole: Sequence[int],
        variants: Sequence[Sequence[int]],
        candidates: Sequence[str],
        deadline: Deadline,
    ) -> list[dict[str, float]]:
        """Log-odds behind prompts that begin as another one does; of these nothing is kept."""
        by_group = self._by_group(candidates)
        beginning = self._beginning(whole, list(by_group), deadline)
        ends = [beginning.end_of(variant, self._invoked_at(variant)) for variant in variants]
        questions = [
            end.question(group, self._packer.pack(labels))
            for group, labels in by_group.items()
            for end in ends
        ]
        answers: list[list[float]] = []
        for some in at_once(questions):
            deadline.check("scoring")
            answers += [log_odds.tolist() for log_odds in self.decoder.answer(some)]
        labels = list(chain.from_iterable(by_group.values()))
        return [
            dict(zip(labels, chain.from_iterable(answers[at :: len(ends)]), strict=True))
            for at in range(len(ends))
        ]

    def _by_group(self, labels: Sequence[str]) -> dict[int, list[str]]:
        by_group: dict[int, list[str]] = {}
        for label in labels:
            by_group.setdefault(self._group_of[label], []).append(label)
        return by_group

    def _beginning(
        self, prefix: Sequence[int], groups: Sequence[int], deadline: Deadline
    ) -> Beginning:
        exact, start = array("i", prefix).tobytes(), self._invoked_at(prefix)
        readers = groups if start is None else [BASE]
        parts = self._parts(exact, prefix[:start], readers, deadline)
        return Beginning(self.decoder, prefix[:start], parts)

    def _answered(
        self, exact: bytes, prefix: Sequence[int], labels: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[str, float]]:
        by_group, start = self._by_group(labels), self._invoked_at(prefix)
        shared = prefix[:start]  # what activated adapters read goes with the candidates
        readers = {group: group if start is None else BASE for group in by_group}
        parts = self._parts(exact, shared, sorted(set(readers.values())), deadline)
        deadline.check("scoring")
        tail = prefix[len(shared) :]
        questions = [
            Question(group, [parts[readers[group]]], self._packer.pack(asked, tail))
            for group, asked in by_group.items()
        ]
        answers = self.decoder.answer(questions)
        for asked, log_odds in zip(by_group.values(), answers, strict=True):
            yield from zip(asked, log_odds.tolist(), strict=True)

    def _parts(
        self, exact: bytes, prefix: Sequence[int], readers: Sequence[int], deadline: Deadline
    ) -> dict[int, Part]:
        """Kept parts, and the others read a few groups at a time."""
        parts = {reader: self.prefixes.find((reader, exact)) for reader in readers}
        missing = [reader for reader, part in parts.items() if part is None]
        ids = torch.tensor(prefix, device=self.decoder.device)
        for first in range(0, len(missing), READ_AT_ONCE):
            deadline.check("scoring")
            some = missing[first : first + READ_AT_ONCE]
            read = self.decoder.read(ids, [reader for reader in some if reader != BASE])
            for reader, part in zip(some, read, strict=True):
                self.prefixes.keep((reader, exact), part)
                parts[reader] = part
        return parts

    def _invoked_at(self, prefix: Sequence[int]) -> int | None:
        """Where activated adapters begin to act: at the last place of their invocation tokens.

        The heading stands once in a prompt, at its end: nothing in a record can open one.
        """
        length = len(self._invocation)
        if not length:
            return None
        for start in range(len(prefix) - length, -1, -1):
            if list(prefix[start : start + length]) == self._invocation:
                return start
        raise ValueError(
            "the prompt does not hold the tokens that invoke the adapters: it was rendered for "
            "another artifact"
        )
