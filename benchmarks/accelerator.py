"""A large model on an accelerator: its scorings beside LAMO's way and beside the card's own limit.

    python -m benchmarks.accelerator
    python -m benchmarks.accelerator --bundled    # the bundled model, there and on the processor

Llama-3.1-8B's shape at random weights in bfloat16, adapters of rank 8 on queries and values. "Exact
groups" reads the prompt once per group, "activated" once for all (then each adapter its last
tokens), "kept" has read it before, "one by one" tells the card of each group by itself, as a
processor is told. "A prompt per candidate" is transformers without any adapter, ten prompts at a
time: a generous baseline. The limit is what each design has to multiply, at the rate that a large
product reaches on the same card in the same run.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import click
import torch
from torch import Tensor

from benchmarks.one_scoring import Case, Scoring, milliseconds
from benchmarks.sizing import FEW, LLAMA_8B, WANTED_MS, Model, flop_by_design
from lamo.artifact import bundled_artifact_folder, load_artifact
from lamo.deadline import Deadline
from lamo.scoring.engine.decoder import Decoder
from lamo.scoring.engine.weights import Layer, Linear, Lora, Shape, Weights
from lamo.scoring.local import LocalScorer
from lamo.scoring.plan import LocalPlan

VOCABULARY, HEADS, POSITIONS, RANK = 128_256, 32, 4096, 8
BUNDLED = (60, 140, 300, 822)  # tokens of prompts of the bundled model
LATER_MS = 60_000
ROUNDS = 9
PRODUCT = 8192  # rows and columns of the product that tells the card's rate


@click.command()
@click.option("--device", default="cuda", show_default=True)
@click.option("--layers", default=LLAMA_8B.layers, show_default=True, help="Fewer: a rehearsal.")
@click.option("--prefix", default=1000, show_default=True, help="Tokens.")
@click.option("--candidates", default=150, show_default=True)
@click.option("--bundled", is_flag=True, help="The bundled model in place of a large one.")
def main(device: str, layers: int, prefix: int, candidates: int, bundled: bool) -> None:
    """Print the table."""
    rounds = ROUNDS
    if bundled:
        return _print_bundled(device, rounds)
    model = replace(LLAMA_8B, layers=layers)
    case = Case(prefix=prefix, candidates=candidates, suffix=12)
    flop = flop_by_design(model, case)
    found = _ours(model, case, device, rounds)
    found["a prompt per candidate"] = _theirs(model, case, device)
    rate = _rate(device, rounds)
    _print_head(model, case, device, rate)
    for name, spent in found.items():
        design = next(design for design in flop if name.startswith(design))
        bound = flop[design] / rate * 1000
        wanted = f"{WANTED_MS[name]:.0f}" if name in WANTED_MS else ""
        click.echo(
            f"{name:<32}{flop[design] / 1e12:>8.1f}{bound:>10.1f}{spent:>10.1f}"
            f"{bound / spent:>8.0%}{wanted:>8}"
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
    alone = Scoring(Decoder(decoder.weights, at_once=False), case)
    found["prefix kept, one by one"] = _median(lambda: alone.answer("exact", kept), rounds)
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
    return milliseconds(do, rounds, warm_ups=2)


@torch.inference_mode()
def _print_bundled(device: str, rounds: int) -> None:
    """The bundled model there and on two threads here, behind random prompts of some lengths."""
    artifact = load_artifact(bundled_artifact_folder())
    labels = [entry.label for entry in artifact.vocabulary]
    recommend_at = torch.tensor([entry.recommend_at for entry in artifact.vocabulary])
    generator = torch.Generator().manual_seed(0)
    prompts = [torch.randint(10, 2400, (n,), generator=generator).tolist() for n in BUNDLED]
    plans = {
        "cpu": LocalPlan(threads=2, cache_bytes=0),
        f"{device}, float32": LocalPlan(device=device, cache_bytes=0),
        f"{device}, bfloat16": LocalPlan(device=device, dtype="bfloat16", cache_bytes=0),
    }
    first: list[Tensor] = []
    click.echo(f"{'ms by prompt tokens':<22}" + "".join(f"{n:>8}" for n in BUNDLED), nl=False)
    click.echo(f"{'differs by':>12}{'turned':>8} of {len(BUNDLED) * len(labels)}")
    for name, plan in plans.items():
        scorer = LocalScorer(artifact, plan)

        def score(prompt: list[int], scorer: LocalScorer = scorer) -> Tensor:
            found = scorer.score_tokens(prompt, labels, Deadline.after_ms(LATER_MS))
            return torch.tensor([found[label] for label in labels])

        spent = [_median(partial(score, prompt), rounds) for prompt in prompts]
        scores = [score(prompt) for prompt in prompts]
        first = first or scores
        pairs = list(zip(scores, first, strict=True))
        most = max(float((one - other).abs().max()) for one, other in pairs)
        turned = sum(
            int(((one >= recommend_at) != (other >= recommend_at)).sum()) for one, other in pairs
        )
        click.echo(f"{name:<22}" + "".join(f"{ms:>8.1f}" for ms in spent), nl=False)
        click.echo(f"{most:>12.5f}{turned:>8}")


if __name__ == "__main__":
    main()
