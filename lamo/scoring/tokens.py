"""The artifact's tokenizer, and every candidate's suffix in its tokens. Needs no torch."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer

from lamo.artifact import Artifact
from lamo.prompts import PromptPlan, candidate_suffix

PLAIN_CLASSES = frozenset({"TokenizersBackend", "PreTrainedTokenizerFast"})

Encode = Callable[[str], list[int]]


class TokenizerMerges(ValueError):  # noqa: N818 - a situation, named as such
    """Prefix and suffix cannot be told apart in tokens."""


class CandidateTokens:
    """Encodes prompts and the suffixes of candidates."""

    def __init__(self, artifact: Artifact) -> None:
        self.encode = load_encoder(artifact.base_model_folder)
        layout = artifact.layout
        self._suffixes = {
            entry.label: tokens_after(
                self.encode, layout.heading, candidate_suffix(entry.label, layout)
            )
            for entry in artifact.vocabulary
        }
        self.longest = max(map(len, self._suffixes.values()))

    def suffix(self, label: str) -> list[int]:
        """The token ids of one candidate's suffix."""
        return self._suffixes[label]


def prompt_plan(artifact: Artifact, most_tokens: int) -> PromptPlan:
    """The artifact's prompts, none longer than so many tokens, nor than its model takes."""
    tokens = CandidateTokens(artifact)
    config = json.loads((artifact.base_model_folder / "config.json").read_text())
    most: int = min(most_tokens, config["max_position_embeddings"] - tokens.longest)

    def fits(text: str) -> bool:
        return len(tokens.encode(text)) <= most

    return replace(artifact.prompt_plan, fits=fits)


def load_encoder(folder: Path) -> Encode:
    """Text to token ids, as transformers would cut it.

    A tokenizer.json that stands for itself is read without transformers, which takes seconds to
    import; any other class of tokenizer may do more than its file says and is loaded by it.
    """
    config = json.loads((folder / "tokenizer_config.json").read_text())
    if config.get("tokenizer_class") in PLAIN_CLASSES:
        plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
        return lambda text: list(plain.encode(text).ids)
    from transformers import AutoTokenizer  # seconds to import, and not needed above

    tokenizer = AutoTokenizer.from_pretrained(
        str(folder), local_files_only=True, trust_remote_code=False
    )
    return lambda text: list(tokenizer(text)["input_ids"])


def tokens_after(encode: Encode, before: str, text: str) -> list[int]:
    """Token ids of a text as it follows another; what stands before may change how it is cut.

    Raises:
        TokenizerMerges: the two are merged into one token.
    """
    head, whole = encode(before), encode(before + text)
    if whole[: len(head)] != head:
        raise TokenizerMerges(
            f"the tokenizer merges {before!r} with {text!r}: prefix and suffix cannot be told "
            "apart; use a base model whose tokenizer splits at white space"
        )
    return whole[len(head) :]
