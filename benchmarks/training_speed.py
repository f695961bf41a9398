"""Training speed side by side: LAMO's rows, candidates packed behind their prefix, activated LoRA.

    python -m benchmarks.training_speed
    python -m benchmarks.training_speed --large     # on an accelerator: a shape of 8 B parameters

One visit is one example per candidate, in 8 groups with an adapter each. "Row by row" is LAMO's
way: one full prompt per (visit, medication), two in a batch, logits of all positions; it is timed
on a few rows and scaled. "Packed" is one sequence per (visit, group). "Packed, activated" runs the
base model's prefix once per visit for all groups. Each is forward and backward through
transformers and PEFT at random weights. Time is CPU time of one thread, so that busy neighbours do
not change it; ratios on a quiet machine with more threads are alike. On an accelerator it is time
on the clock, the base model in bfloat16.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from lamo.scoring.packing import pack_suffixes
from lamo.training.examples import Example
from lamo.training.forward import PackedLoss, Question, Whole

CANDIDATES, GROUPS = 208, 8
YES, NO, HEADING = 3, 4, 5
WANTED = {"packed": 12.0, "packed, activated": 40.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A model and the lengths of its prompts, in tokens."""

    name: str
    prefix: int
    suffixes: tuple[int, ...]  # lengths that the candidates cycle through
    width: int = 192
    layers: int = 4
    inner: int = 512
    vocabulary: int = 4000
    heads: int = 4
    key_value_heads: int = 4


SHAPES = (
    Shape(name="embedded model", prefix=140, suffixes=(1,)),
    Shape(name="long prompt", prefix=800, suffixes=(8, 10, 12, 15)),
)
LARGE = Shape(
    name="Llama-3.1-8B",
    prefix=1000,
    suffixes=(12,),
    width=4096,
    layers=32,
    inner=14336,
    vocabulary=128_256,
    heads=32,
    key_value_heads=8,
)


@click.command()
@click.option("--rows", default=8, show_default=True, help="Rows timed of LAMO's way, then scaled.")
@click.option("--visits", default=2, show_default=True, help="Visits timed of each packed way.")
@click.option("--large", is_flag=True, help="A model of 8 B parameters, on CUDA.")
def main(rows: int, visits: int, large: bool) -> None:
    """Print one table per shape."""
    torch.set_num_threads(1)
    if large:
        print(torch.cuda.get_device_name())
        torch.set_default_dtype(torch.bfloat16)
        torch.set_default_device("cuda")
    for shape in (LARGE,) if large else SHAPES:
        _print_table(shape, _seconds_per_visit(shape, rows, visits), rows, visits)


def _seconds_per_visit(shape: Shape, rows: int, visits: int) -> dict[str, float]:
    torch.manual_seed(0)
    examples = [_example(shape, number) for number in range(visits)]
    whole = Whole(visits, 1)
    plain, activated = _model(shape, None), _model(shape, [HEADING])
    lengths = [shape.suffixes[number % len(shape.suffixes)] for number in range(CANDIDATES)]
    questions = [_question(lengths, group) for group in range(GROUPS)]

    def packed() -> None:
        for question in questions:
            PackedLoss(plain, [question])(examples, whole).backward()

    def packed_activated() -> None:
        PackedLoss(activated, questions)(examples, whole).backward()

    row_by_row = _seconds(lambda: _rows(plain, examples[0], lengths[:rows]))
    return {
        "row by row": row_by_row / rows * CANDIDATES,
        "packed": _seconds(packed) / visits,
        "packed, activated": _seconds(packed_activated) / visits,
    }


def _rows(model: Any, example: Example, lengths: list[int]) -> None:
    """Micro-batches of two full prompts, as LAMO trains."""
    for start in range(0, len(lengths), 2):
        longest = max(lengths[start : start + 2])
        ids = torch.cat([example.prefix, torch.full((longest,), 7)]).expand(2, -1)
        logits = model(input_ids=ids).logits
        cross_entropy(logits[:, -1], torch.tensor([YES, NO])).backward()


def _seconds(do: Callable[[], None], times: int = 2) -> float:
    """The least time of a few runs, after one that is not counted."""
    do()
    spent = []
    for _ in range(times):
        started = _now()
        do()
        spent.append(_now() - started)
    return min(spent)


def _now() -> float:
    """Seconds: of this processor, or on the clock when an accelerator has done what it was told."""
    if torch.get_default_device().type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _example(shape: Shape, number: int) -> Example:
    ids = torch.randint(10, shape.vocabulary, (shape.prefix - 1,))
    return Example(torch.cat([ids, torch.tensor([HEADING])]), torch.rand(CANDIDATES) < 0.15, number)


def _question(lengths: list[int], group: int) -> Question:
    chosen = torch.arange(group, CANDIDATES, GROUPS)
    packed = pack_suffixes([[7] * lengths[index] for index in chosen.tolist()])
    return Question(packed, chosen, YES, NO, f"group-{group}")


def _model(shape: Shape, invocation: list[int] | None) -> Any:
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
    )
    lora = LoraConfig(
        r=8,
        lora_alpha=16,
        target_modules=["q_proj", "v_proj"],
        task_type="CAUSAL_LM",
        alora_invocation_tokens=invocation,
    )
    model = get_peft_model(LlamaForCausalLM(config), lora, adapter_name="group-0")
    for group in range(1, GROUPS):
        model.add_adapter(f"group-{group}", lora)
    return model.train()


def _print_table(shape: Shape, seconds: dict[str, float], rows: int, visits: int) -> None:
    print(f"\n{shape.name}: prefix {shape.prefix}, suffix {shape.suffixes} tokens, ", end="")
    print(f"{shape.layers} layers of {shape.width}, {CANDIDATES} candidates in {GROUPS} groups")
    if torch.cuda.is_available():
        print(f"at most {torch.cuda.max_memory_allocated() / 2**30:.0f} GiB of the accelerator")
    print(f"{'way':<20}{'s/visit':>10}{'examples/s':>12}{'times':>8}{'wanted':>8}  timed")
    for way, spent in seconds.items():
        ratio = seconds["row by row"] / spent
        wanted = f"{WANTED[way]:.0f}" if way in WANTED else ""
        timed = f"{rows} rows, scaled" if way == "row by row" else f"{visits} visits"
        line = (
            f"{way:<20}{spent:>10.3f}{CANDIDATES / spent:>12.1f}{ratio:>8.1f}{wanted:>8}  {timed}"
        )
        print(line)


if __name__ == "__main__":
    main()
