"""A large model on an accelerator: its scorings beside LAMO's way and beside the card's own limit.

    python -m benchmarks.accelerator

Llama-3.1-8B's shape at random weights in bfloat16, adapters of rank 8 on queries and values. "Exact
groups" reads the prompt once per group, "activated" once for all (then each adapter its last
token), "kept" has read it before. "A prompt per candidate" is transformers without any adapter,
ten prompts at a time: a generous baseline. The limit is what each design has to multiply, at the
rate that a large product reaches on the same card in the same run.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import click
import torch
from torch import Tensor

from benchmarks.one_scoring import Case, Scoring
from benchmarks.sizing import FEW, LLAMA_8B, WANTED_MS, Model, flop_by_design
from lamo.scoring.engine.decoder import Decoder
from lamo.scoring.engine.weights import Layer, Linear, Lora, Shape, Weights

VOCABULARY, HEADS, POSITIONS, RANK = 128_256, 32, 4096, 8
PRODUCT = 8192  # rows and columns of the product that tells the card's rate


@click.command()
@click.option("--device", default="cuda", show_default=True)
@click.option("--layers", default=LLAMA_8B.layers, show_default=True, help="Fewer: a rehearsal.")
@click.option("--prefix", default=1000, show_default=True, help="Tokens.")
@click.option("--candidates", default=150, show_default=True)
@click.option("--rounds", default=9, show_default=True)
def main(device: str, layers: int, prefix: int, candidates: int, rounds: int) -> None:
    """Print the table."""
    model = replace(LLAMA_8B, layers=layers)
    case = Case(prefix=prefix, candidates=candidates, suffix=12)
    flop = flop_by_design(model, case)
    found = _ours(model, case, device, rounds)
    found["a prompt per candidate"] = _theirs(model, case, device)
    rate = _rate(device, rounds)
    _print_head(model, case, device, rate)
    for name, milliseconds in found.items():
        design = next(design for design in flop if name.startswith(design))
        bound = flop[design] / rate * 1000
        wanted = f"{WANTED_MS[name]:.0f}" if name in WANTED_MS else ""
        click.echo(
            f"{name:<32}{flop[design] / 1e12:>8.1f}{bound:>10.1f}{milliseconds:>10.1f}"
            f"{bound / milliseconds:>8.0%}{wanted:>8}"
        )


def _print_head(model: Model, case: Case, device: str, rate: float) -> None:
    name = torch.cuda.get_device_name() if device.startswith("cuda") else device
    click.echo(f"{name}, torch {torch.__version__}, {rate / 1e12:.0f} TFLOP/s of a large product")
    click.echo(
        f"{model.name} with {model.layers} layers at random weights, prefix {case.prefix}, "
        f"{case.candidates} candidates of {case.suffix} tokens in {case.groups} groups\n"
    )
    click.echo(f"{'':<32}{'TFLOP':>8}{'bound ms':>10}{'ms':>10}{'share':>8}{'wanted':>8}")


@torch.inference_mode()
def _ours(model: Model, case: Case, device: str, rounds: int) -> dict[str, float]:
    decoder = Decoder(_weights(model, case.groups, device))
    few = Scoring(decoder, replace(case, candidates=FEW))
    found = {}
    scoring = Scoring(decoder, case)
    found["exact groups"] = _median(lambda: scoring.answer("exact", scoring.read("exact")), rounds)
    kept, activated = scoring.read("exact"), scoring.read("activated")
    found["activated"] = _median(
        lambda: scoring.answer("activated", scoring.read("activated")), rounds
    )
    found["prefix kept"] = _median(lambda: scoring.answer("exact", kept), rounds)
    found["prefix kept, activated"] = _median(
        lambda: scoring.answer("activated", activated), rounds
    )
    found[f"{FEW} candidates, prefix kept"] = _median(lambda: few.answer("exact", kept), rounds)
    return found


@torch.inference_mode()
def _theirs(model: Model, case: Case, device: str) -> float:
    from transformers import LlamaConfig, LlamaForCausalLM  # seconds to import

    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        theirs = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=VOCABULARY,
                hidden_size=model.hidden,
                intermediate_size=model.inner,
                num_hidden_layers=model.layers,
                num_attention_heads=HEADS,
                num_key_value_heads=model.key_value_width * HEADS // model.hidden,
                max_position_embeddings=POSITIONS,
            )
        ).eval()
        ids = torch.randint(10, VOCABULARY, (FEW, case.prefix + case.suffix))
    once = _median(lambda: theirs(input_ids=ids, logits_to_keep=1).logits[0, 0, 0].item(), 3)
    return once * case.candidates / FEW


def _weights(model: Model, groups: int, device: str) -> Weights:
    def normal(*sizes: int) -> Tensor:
        return torch.empty(*sizes, device=device, dtype=torch.bfloat16).normal_(std=0.02)

    def layer() -> Layer:
        wide, narrow, inner = model.hidden, model.key_value_width, model.inner
        sizes = {
            "q_proj": (wide, wide),
            "k_proj": (narrow, wide),
            "v_proj": (narrow, wide),
            "o_proj": (wide, wide),
            "gate_proj": (inner, wide),
            "up_proj": (inner, wide),
            "down_proj": (wide, inner),
        }
        lora = {
            name: Lora(normal(groups, RANK, wide), normal(groups, sizes[name][0], RANK))
            for name in ("q_proj", "v_proj")
        }
        linear = {name: Linear(normal(*size), None, lora.get(name)) for name, size in sizes.items()}
        ones = torch.ones(wide, device=device, dtype=torch.bfloat16)
        return Layer(linear=linear, input_norm=ones, post_attention_norm=ones)

    head_dim = model.hidden // HEADS
    steps = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
    return Weights(
        shape=Shape(
            hidden_size=model.hidden,
            num_hidden_layers=model.layers,
            num_attention_heads=HEADS,
            num_key_value_heads=model.key_value_width // head_dim,
            head_dim=head_dim,
            rms_norm_eps=1e-5,
            max_position_embeddings=POSITIONS,
            inverse_frequencies=torch.pow(500_000.0, -steps),
        ),
        embeddings=normal(VOCABULARY, model.hidden),
        layers=tuple(layer() for _ in range(model.layers)),
        norm=torch.ones(model.hidden, device=device, dtype=torch.bfloat16),
        answer=normal(model.hidden),
        invocation=(),
    )


def _rate(device: str, rounds: int) -> float:
    """FLOP a second of a large product of random numbers."""
    left, right = (
        torch.randn(PRODUCT, PRODUCT, device=device, dtype=torch.bfloat16) for _ in range(2)
    )
    return 2.0 * PRODUCT**3 / _median(lambda: (left @ right)[0, 0].item(), rounds) * 1000


def _median(do: Callable[[], object], rounds: int) -> float:
    """Milliseconds until the answer is here."""
    for _ in range(2):
        do()
    spent = []
    for _ in range(rounds):
        started = time.perf_counter()
        do()
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


if __name__ == "__main__":
    main()
