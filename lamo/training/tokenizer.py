"""A small byte-level BPE tokenizer of our own, for base models trained from scratch.

The texts of the prompt that never change and the terms of our tables (medications, conditions,
procedures) are one token each, so that a prompt is short; everything else is byte-level BPE, so
that no text is out of reach. Text is lower-cased: "METOPROLOL", "Metoprolol" and "metoprolol" are
one token.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from torch import Tensor
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from lamo.prompts import ANSWERS, FAITHFUL, Layout, candidate_suffix

EOS, PAD = "<eos>", "<pad>"


def train_tokenizer(
    texts: Iterable[str],
    terms: Sequence[str],
    vocab_size: int,
    folder: Path,
    candidates: Sequence[str] = (),
    layout: Layout = FAITHFUL,
) -> PreTrainedTokenizerFast:
    """Train on the texts, add the terms and fixed texts as tokens, and save a HF tokenizer.

    Args:
        texts: what the BPE merges are learned from, for example rendered prompts.
        terms: names that become one token each wherever they stand as a whole word.
        vocab_size: size of the BPE part; the terms come on top.
        candidates: names whose whole suffix (name and answer heading) becomes one token.
        layout: of the prompts; its fixed texts become one token each.
        folder: where tokenizer.json and its config are written.
    """
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    words = dict.fromkeys(term.lower() for term in (*terms, *ANSWERS))
    tokenizer.add_tokens([AddedToken(word, single_word=True, lstrip=True) for word in words])
    tokenizer.add_tokens([AddedToken(text.lower(), normalized=True) for text in layout.fixed_texts])
    wholes = [whole_suffix(name, layout) for name in candidates]
    tokenizer.add_tokens([AddedToken(whole, lstrip=True) for whole in wholes])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS, pad_token=PAD)
    fast.save_pretrained(str(folder))
    return fast


def whole_suffix(label: str, layout: Layout) -> str:
    """The token that a candidate's whole suffix is, without the space before it."""
    return candidate_suffix(label, layout).strip(" ").lower()


def share_embeddings(
    weight: Tensor, tokenizer: PreTrainedTokenizerBase, candidates: Sequence[str], layout: Layout
) -> None:
    """Start each whole-suffix token from the embedding of the candidate's name, in place.

    The two then mean the same from the start, so that a model learns at once to look for the
    candidate among the medications of the prompt.
    """
    with torch.no_grad():
        for label in candidates:
            name = tokenizer.convert_tokens_to_ids(label.lower())
            suffix = tokenizer.convert_tokens_to_ids(whole_suffix(label, layout))
            weight[suffix] = weight[name]
