"""The artifact's tokenizer, and every candidate's suffix in its tokens."""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from lamo.artifact import Artifact
from lamo.prompts import CANDIDATE_HEADING, candidate_suffix
from lamo.scoring.packing import Encode, PackedSuffixes, pack_suffixes, tokens_after

PLAIN_CLASSES = frozenset({"TokenizersBackend", "PreTrainedTokenizerFast"})
PACKINGS_KEPT = 256


class CandidateTokens:
    """Encodes prompts and packs the suffixes of candidates."""

    def __init__(self, artifact: Artifact) -> None:
        self.encode = load_encoder(artifact.base_model_folder)
        self._suffixes = {
            entry.label: tokens_after(self.encode, CANDIDATE_HEADING, candidate_suffix(entry.label))
            for entry in artifact.vocabulary
        }
        self.longest = max(map(len, self._suffixes.values()))
        self._pack = lru_cache(PACKINGS_KEPT)(self._packed)

    def suffix(self, label: str) -> list[int]:
        """The token ids of one candidate's suffix."""
        return self._suffixes[label]

    def pack(self, labels: Sequence[str]) -> PackedSuffixes:
        """The suffixes of these candidates in one row; the usual lists are packed once."""
        return self._pack(tuple(labels))

    def _packed(self, labels: tuple[str, ...]) -> PackedSuffixes:
        return pack_suffixes([self._suffixes[label] for label in labels])


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
