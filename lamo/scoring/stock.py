"""Scores with transformers and peft themselves: any causal LM, for what our engine does not know.

The prefix of a patient runs once per group into a key/value cache; the suffixes of the group's
candidates follow packed in one row, each attending to the prefix and to itself only, its positions
restarting after the prefix.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache
from transformers.utils.logging import disable_progress_bar

from lamo.artifact import Artifact, ArtifactRefused
from lamo.deadline import Deadline
from lamo.scoring.packing import PackedSuffixes, Packer
from lamo.scoring.plan import LocalPlan
from lamo.scoring.tokens import CandidateTokens


class StockEngine:
    """One call at a time: PEFT's choice of an adapter is a state of the model."""

    def __init__(self, artifact: Artifact, tokens: CandidateTokens, plan: LocalPlan) -> None:
        self._packer = Packer(tokens, plan.device)
        dtype = plan.dtype_for(artifact.base_model_folder)
        self._model = load_model(artifact).to(plan.device, dtype)
        _refuse_activated(self._model)
        self._answers = [artifact.answer_token_ids["Yes"], artifact.answer_token_ids["No"]]
        self._group_of = {entry.label: entry.group for entry in artifact.vocabulary}
        self._group_names = [group.name for group in artifact.groups]

    @property
    def most_tokens(self) -> int:
        """The longest prompt that the model takes, suffix included."""
        return int(self._model.config.max_position_embeddings)

    @torch.inference_mode()
    def score(
        self, prefix: Sequence[int], candidates: Sequence[str], deadline: Deadline
    ) -> dict[str, float]:
        """Log-odds by candidate; DeadlinePassed between two groups."""
        ids = torch.tensor([prefix], device=self._model.device)
        return dict(self._by_group(ids, candidates, deadline))

    def score_variants(
        self,
        whole: Sequence[int],
        variants: Sequence[Sequence[int]],
        candidates: Sequence[str],
        deadline: Deadline,
    ) -> list[dict[str, float]]:
        """Log-odds behind each of some prompts, one after the other: nothing is kept here."""
        return [self.score(variant, candidates, deadline) for variant in variants]

    def _by_group(
        self, prefix: Tensor, candidates: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[str, float]]:
        for group in self._group_names:
            labels = [label for label in candidates if self._group_of[label] == group]
            if labels:
                deadline.check("scoring")
                self._model.set_adapter(group)
                log_odds = self._score_packed(prefix, self._packer.pack(labels))
                yield from zip(labels, log_odds.tolist(), strict=True)

    def _score_packed(self, prefix: Tensor, packed: PackedSuffixes) -> Tensor:
        """(1, prefix tokens) and packed suffixes -> (candidates,) log-odds."""
        length, tokens = prefix.shape[1], packed.ids.shape[1]
        cache = DynamicCache()
        self._model(input_ids=prefix, past_key_values=cache, use_cache=True, logits_to_keep=1)
        own = packed.own
        seen = torch.cat([own.new_ones(tokens, length), own], dim=1)
        mask = torch.zeros(seen.shape, dtype=self._model.dtype, device=own.device)
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
    return model.float().eval()


def _refuse_activated(model: Any) -> None:
    configs = model.peft_config.items()
    activated = [name for name, peft in configs if getattr(peft, "alora_invocation_tokens", None)]
    if activated:
        raise ArtifactRefused(
            f"the adapters {activated} are activated LoRA, which stock transformers and peft do "
            'not apply behind a shared prefix: train with kind = "lora" in [adapters]'
        )
