"""What an artifact holds on disk, as tensors: the base model and its adapters, stacked by group."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
FAMILIES = frozenset({"llama", "qwen2", "mistral"})


class Unsupported(Exception):  # noqa: N818 - a situation, named as such
    """This engine does not compute such a model; the message says what in it is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of a decoder, in the words of its config.json."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rms_norm_eps: float
    max_position_embeddings: int
    inverse_frequencies: Tensor  # (head_dim / 2,) of the rotary embedding


@dataclass(frozen=True, slots=True)
class Lora:
    """The adapters of all groups at one linear layer: y += x A^T B^T, scaling within B."""

    a: Tensor  # (groups, r, in)
    b: Tensor  # (groups, out, r)

    @property
    def rank(self) -> int:
        """Of the adapters; smaller ones are filled up."""
        return self.a.shape[1]


@dataclass(frozen=True, slots=True)
class Linear:
    """One linear layer with the adapters that act on it."""

    weight: Tensor  # (out, in)
    bias: Tensor | None
    lora: Lora | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One decoder layer."""

    linear: Mapping[str, Linear]  # by the names of ATTENTION and FEED_FORWARD
    input_norm: Tensor
    post_attention_norm: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Everything that the decoder computes with."""

    shape: Shape
    embeddings: Tensor  # (vocabulary, hidden)
    layers: tuple[Layer, ...]
    norm: Tensor
    answer: Tensor  # (hidden,): output row of Yes minus that of No
    invocation: tuple[int, ...]  # tokens from which activated adapters act; empty: plain LoRA

    @property
    def adapters(self) -> int:
        """How many there are, one for each group."""
        linears = (linear for layer in self.layers for linear in layer.linear.values())
        return next((len(linear.lora.a) for linear in linears if linear.lora), 0)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the weights lie, and as what they are wanted."""

    base: Path
    adapters: Sequence[Path]  # one folder per group
    answers: tuple[int, int]  # tokens of Yes and No
    dtype: torch.dtype = torch.float32
    device: str = "cpu"


def load_weights(source: Source) -> Weights:
    """Read base model and adapters; safetensors and JSON only.

    Raises:
        Unsupported: another family of models, or a kind of adapter that is not plain LoRA.
    """
    config = json.loads((source.base / "config.json").read_text())
    shape = _shape(config)
    adapters = [_Adapter(folder) for folder in source.adapters]
    invocations = {adapter.invocation for adapter in adapters}
    if len(invocations) != 1:
        raise Unsupported("some adapters are activated LoRA and some plain, or by other tokens")
    tensors = dict(_tensors(source.base, source))
    layers = [_layer(tensors, adapters, i, source) for i in range(shape.num_hidden_layers)]
    embeddings = tensors["model.embed_tokens.weight"]
    head = tensors.get("lm_head.weight", embeddings)
    if unread := [name for adapter in adapters for name in adapter.unread]:
        raise Unsupported(f"adapters hold weights of other layers: {sorted(set(unread))[:3]}")
    yes, no = source.answers
    return Weights(
        shape=shape,
        embeddings=embeddings,
        layers=tuple(layers),
        norm=tensors["model.norm.weight"],
        answer=head[yes] - head[no],
        invocation=invocations.pop(),
    )


class _Adapter:
    """One PEFT folder, its matrices handed out once each."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "adapter_config.json").read_text())
        _refuse_other_adapters(folder, config)
        r = int(config["r"])
        self.scaling = config["lora_alpha"] / (math.sqrt(r) if config.get("use_rslora") else r)
        self.invocation = tuple(config.get("alora_invocation_tokens") or ())
        self.unread: dict[str, Tensor] = dict(_file(folder / "adapter_model.safetensors"))

    def take(self, module: str) -> tuple[Tensor, Tensor] | None:
        names = [f"base_model.model.{module}.lora_{part}.weight" for part in "AB"]
        if names[0] not in self.unread:
            return None
        a, b = (self.unread.pop(name) for name in names)
        return a, b * self.scaling


def _refuse_other_adapters(folder: Path, config: Mapping[str, Any]) -> None:
    flags = ("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save", "fan_in_fan_out")
    odd = [flag for flag in flags if config.get(flag)]
    if config.get("peft_type") != "LORA" or odd or config.get("bias", "none") != "none":
        kind = odd or [str(config.get("peft_type")), f"bias {config.get('bias')}"]
        raise Unsupported(f"the adapter {folder.name} is not plain or activated LoRA: {kind}")


def _shape(config: Mapping[str, Any]) -> Shape:
    family = config.get("model_type")
    if family not in FAMILIES:
        raise Unsupported(f"models of the family {family!r}, known are {sorted(FAMILIES)}")
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    head_dim = config.get("head_dim") or hidden // heads
    if config.get("hidden_act", "silu") != "silu" or config.get("mlp_bias"):
        raise Unsupported("another activation than silu, or biases in the feed-forward layers")
    _refuse_windows(config)
    return Shape(
        hidden_size=hidden,
        num_hidden_layers=config["num_hidden_layers"],
        num_attention_heads=heads,
        num_key_value_heads=config.get("num_key_value_heads") or heads,
        head_dim=head_dim,
        rms_norm_eps=config["rms_norm_eps"],
        max_position_embeddings=config["max_position_embeddings"],
        inverse_frequencies=_inverse_frequencies(config, head_dim),
    )


def _refuse_windows(config: Mapping[str, Any]) -> None:
    """A sliding window at least as long as the context changes nothing."""
    window = config.get("sliding_window")
    used = config.get("use_sliding_window", config["model_type"] == "mistral")
    if used and window and window < config["max_position_embeddings"]:
        raise Unsupported(
            f"a sliding window of {window} tokens under {config['max_position_embeddings']} "
            "positions: set max_position_embeddings to the window, or sliding_window to null"
        )


def _inverse_frequencies(config: Mapping[str, Any], head_dim: int) -> Tensor:
    """Of the rotary embedding; the scaling of Llama 3.1 as its config.json describes it."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = rope.get("rope_theta") or config.get("rope_theta") or 10_000.0
    kind = rope.get("rope_type") or rope.get("type") or "default"
    steps = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
    plain = torch.pow(float(theta), -steps)
    if kind == "default":
        return plain
    if kind != "llama3":
        raise Unsupported(f"rotary embeddings of the kind {kind!r}, known are default and llama3")
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    turns = rope["original_max_position_embeddings"] * plain / (2 * math.pi)
    smooth = ((turns - low) / (high - low)).clamp(0, 1)
    scaled: Tensor = plain * (smooth + (1 - smooth) / rope["factor"])
    return scaled


def _layer(
    tensors: dict[str, Tensor], adapters: Sequence[_Adapter], index: int, source: Source
) -> Layer:
    at = f"model.layers.{index}"
    names = [f"self_attn.{name}" for name in ATTENTION] + [f"mlp.{name}" for name in FEED_FORWARD]
    return Layer(
        linear={
            name.split(".")[1]: Linear(
                tensors.pop(f"{at}.{name}.weight"),
                tensors.pop(f"{at}.{name}.bias", None),
                _stacked([adapter.take(f"{at}.{name}") for adapter in adapters], source),
            )
            for name in names
        },
        input_norm=tensors[f"{at}.input_layernorm.weight"],
        post_attention_norm=tensors[f"{at}.post_attention_layernorm.weight"],
    )


def _stacked(pairs: Sequence[tuple[Tensor, Tensor] | None], source: Source) -> Lora | None:
    """Adapters of unequal rank are filled up with zeros, which change nothing."""
    there = [pair for pair in pairs if pair is not None]
    if not there:
        return None
    r = max(a.shape[0] for a, _ in there)
    stacked_a = torch.zeros(len(pairs), r, there[0][0].shape[1])
    stacked_b = torch.zeros(len(pairs), there[0][1].shape[0], r)
    for group, pair in enumerate(pairs):
        if pair is not None:
            stacked_a[group, : pair[0].shape[0]] = pair[0]
            stacked_b[group, :, : pair[0].shape[0]] = pair[1]
    return Lora(
        stacked_a.to(source.device, source.dtype), stacked_b.to(source.device, source.dtype)
    )


def _tensors(folder: Path, source: Source) -> Iterator[tuple[str, Tensor]]:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise Unsupported(f"{folder.name} has no safetensors file")
    for path in files:
        for name, tensor in _file(path):
            yield name, tensor.to(source.device, source.dtype)


def _file(path: Path) -> Iterator[tuple[str, Tensor]]:
    with safe_open(path, framework="pt") as file:
        for name in file.keys():
            yield name, file.get_tensor(name)
