"""Scores all candidates in this process: a transformers causal LM with one PEFT adapter per group.

The prefix of a patient runs once per group into a key/value cache; the suffixes of the group's
candidates follow packed in one row, each attending to the prefix and to itself only, its positions
restarting after the prefix. The result is that of one full prompt per candidate (shown by a test)
for a fraction of the work, since the candidates differ in their last few tokens only.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.cache_utils import DynamicCache
from transformers.utils.logging import disable_progress_bar

from lamo.artifact import Artifact, ArtifactRefused
from lamo.deadline import Deadline, DeadlinePassed
from lamo.prompts import CANDIDATE_HEADING, Prompt, candidate_suffix
from lamo.scoring.base import ScorerUnavailable


@dataclass(frozen=True, slots=True)
class PackedSuffixes:
    """The suffixes of several candidates in one row of tokens."""

    ids: Tensor  # (1, tokens) int64
    offsets: Tensor  # (tokens,) position of each token within its own suffix
    own: Tensor  # (tokens, tokens) bool: may the row's token see the column's?
    last: Tensor  # (candidates,) where each suffix ends: the answer position


class LocalScorer:
    """`Scorer` over weights in this process. Safe to share between threads: one call at a time."""

    def __init__(self, artifact: Artifact, threads: int | None = None) -> None:
        if threads:
            torch.set_num_threads(threads)
        self._lock = threading.Lock()
        folder = str(artifact.base_model_folder)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = load_model(artifact)
        self._answers = [artifact.answer_token_ids["Yes"], artifact.answer_token_ids["No"]]
        self._max_tokens = int(self._model.config.max_position_embeddings)
        self._group_of = {entry.label: entry.group for entry in artifact.vocabulary}
        self._group_names = [group.name for group in artifact.groups]
        self._suffix_ids = {label: self._encode_suffix(label) for label in self._group_of}
        self._packed: dict[tuple[str, ...], PackedSuffixes] = {}

    def score(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        """Return the log-odds of Yes against No by candidate label (see `Scorer`)."""
        if not self._lock.acquire(timeout=deadline.left_s()):
            raise ScorerUnavailable("the scoring engine was busy with other calls")
        try:
            with torch.inference_mode():
                return dict(self._score_groups(prompt, candidates, deadline))
        except DeadlinePassed as passed:
            raise ScorerUnavailable(str(passed)) from passed
        finally:
            self._lock.release()

    def _score_groups(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[str, float]]:
        prefix = torch.tensor([self._encode(prompt.text)])  # (1, prefix tokens)
        if prefix.shape[1] + 32 > self._max_tokens:
            raise ScorerUnavailable(
                f"the prompt has {prefix.shape[1]} tokens, the model takes {self._max_tokens}"
            )
        for group in self._group_names:
            labels = tuple(label for label in candidates if self._group_of[label] == group)
            if labels:
                deadline.check("scoring")
                self._model.set_adapter(group)
                log_odds = self._score_packed(prefix, self._pack(labels))
                yield from zip(labels, log_odds.tolist(), strict=True)

    def _score_packed(self, prefix: Tensor, packed: PackedSuffixes) -> Tensor:
        """(1, prefix tokens) and packed suffixes -> (candidates,) log-odds."""
        length, tokens = prefix.shape[1], packed.ids.shape[1]
        cache = DynamicCache()
        self._model(input_ids=prefix, past_key_values=cache, use_cache=True, logits_to_keep=1)
        seen = torch.cat([torch.ones(tokens, length, dtype=torch.bool), packed.own], dim=1)
        mask = torch.zeros(seen.shape, dtype=self._model.dtype)
        mask.masked_fill_(~seen, torch.finfo(self._model.dtype).min)
        logits = self._model(
            input_ids=packed.ids,
            attention_mask=mask[None, None],  # (1, 1, tokens, prefix + tokens)
            position_ids=(length + packed.offsets)[None],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=packed.last,
        ).logits  # (1, candidates, vocabulary)
        answers: Tensor = logits[0, :, self._answers].float()  # (candidates, 2)
        return answers[:, 0] - answers[:, 1]

    def _pack(self, labels: tuple[str, ...]) -> PackedSuffixes:
        if labels not in self._packed:
            self._packed[labels] = pack_suffixes([self._suffix_ids[label] for label in labels])
        return self._packed[labels]

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text)["input_ids"])

    def _encode_suffix(self, label: str) -> list[int]:
        """Token ids of a suffix as they follow the candidate heading."""
        heading = self._encode(CANDIDATE_HEADING)
        whole = self._encode(CANDIDATE_HEADING + candidate_suffix(label))
        if whole[: len(heading)] != heading:
            raise ValueError(
                f"the tokenizer merges the heading {CANDIDATE_HEADING!r} with {label!r}: prefix "
                "and suffix cannot be told apart; use a tokenizer that splits at white space"
            )
        return whole[len(heading) :]


def load_model(artifact: Artifact) -> Any:
    """The base model with every adapter; safetensors only, offline, no code from the folder."""
    disable_progress_bar()
    base = AutoModelForCausalLM.from_pretrained(
        str(artifact.base_model_folder),
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype="auto",
        attn_implementation="sdpa",
    )
    first, *others = artifact.groups
    model = PeftModel.from_pretrained(
        base, str(artifact.folder / first.adapter), adapter_name=first.name
    )
    for group in others:
        model.load_adapter(str(artifact.folder / group.adapter), adapter_name=group.name)
    activated = [name for name, peft in model.peft_config.items() if _invocation(peft)]
    if activated:
        raise ArtifactRefused(
            f"the adapters {activated} are activated LoRA, which this engine does not apply: "
            'train with kind = "lora" in [adapters]'
        )
    return model.float().eval()


def _invocation(peft: Any) -> Any:
    return getattr(peft, "alora_invocation_tokens", None)


def pack_suffixes(suffixes: Sequence[Sequence[int]]) -> PackedSuffixes:
    """Put suffixes into one row; each sees only itself, causally."""
    owner = torch.tensor([i for i, ids in enumerate(suffixes) for _ in ids])
    offsets = torch.tensor([j for ids in suffixes for j in range(len(ids))])
    order = torch.arange(len(owner))
    return PackedSuffixes(
        ids=torch.tensor([[token for ids in suffixes for token in ids]]),
        offsets=offsets,
        own=(owner[:, None] == owner[None]) & (order[:, None] >= order[None]),
        last=torch.tensor([len(ids) for ids in suffixes]).cumsum(0) - 1,
    )
