"""Arithmetic, not measurement: what scoring one patient costs a larger model on an accelerator.

    python -m benchmarks.sizing

For each design the multiplications of one scoring are counted and divided by a rate. The rate is a
share of what the accelerator multiplies at best; launching, scheduling and HTTP are not in it.
"""

from dataclasses import dataclass

import click

from benchmarks.one_scoring import Case

GIB = 1024**3
BYTES = 2  # of a number in bfloat16


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The sizes of a decoder."""

    name: str
    hidden: int
    layers: int
    key_value_width: int  # key-value heads times head_dim
    inner: int
    parameters: float

    @property
    def flop_per_token(self) -> float:
        """Of the linear layers."""
        attention = 2 * self.hidden**2 + 2 * self.hidden * self.key_value_width
        return 2.0 * self.layers * (attention + 3 * self.hidden * self.inner)

    def flop(self, tokens: float, context: float) -> float:
        """Of so many tokens, each attending to so many others on average."""
        return tokens * (self.flop_per_token + 4.0 * self.layers * self.hidden * context)

    @property
    def bytes_per_token(self) -> int:
        """Of keys and values."""
        return 2 * BYTES * self.layers * self.key_value_width


LLAMA_8B = Model(
    name="Llama-3.1-8B",
    hidden=4096,
    layers=32,
    key_value_width=1024,
    inner=14336,
    parameters=8.03e9,
)
WANTED_MS = {"exact groups": 350.0, "activated": 120.0, "prefix kept": 80.0}


FEW = 10


def flop_by_design(model: Model, case: Case) -> dict[str, float]:
    """Multiplications and additions of one scoring, by the names of the designs."""
    prefix, suffix = case.prefix, case.suffix
    answers = model.flop(case.candidates * suffix, prefix)
    return {
        "a prompt per candidate": model.flop(case.candidates * (prefix + suffix), prefix / 2),
        "exact groups": case.groups * model.flop(prefix, prefix / 2) + answers,
        "activated": model.flop(prefix, prefix / 2) + answers,
        "prefix kept": answers,
        f"{FEW} candidates, prefix kept": model.flop(FEW * suffix, prefix),
    }


@click.command()
@click.option("--tflops", default=790.0, show_default=True, help="At best, in bfloat16 (an H200).")
@click.option(
    "--share", default=0.6, show_default=True, help="Of it that scoring reaches: a guess."
)
@click.option("--prefix", default=1000, show_default=True, help="Tokens.")
@click.option("--candidates", default=150, show_default=True)
@click.option("--suffix", default=12, show_default=True, help="Tokens of a candidate.")
@click.option("--groups", default=8, show_default=True)
@click.option("--calls", default=5.0, show_default=True, help="Patients a second at the busiest.")
def main(
    tflops: float,
    share: float,
    prefix: int,
    candidates: int,
    suffix: int,
    groups: int,
    calls: float,
) -> None:
    """Print the table."""
    model = LLAMA_8B
    case = Case(prefix=prefix, candidates=candidates, groups=groups, suffix=suffix)
    designs = flop_by_design(model, case)
    click.echo("ARITHMETIC: what was measured, python -m benchmarks.accelerator prints")
    click.echo(
        f"{model.name}, prefix {prefix}, {candidates} candidates of {suffix} tokens in {groups} "
        f"groups, {tflops:.0f} TFLOP/s at best\n"
    )
    click.echo(f"{'':<28}{'TFLOP':>8}{'bound ms':>10}{f'at {share:.0%} ms':>12}{'wanted':>8}")
    for name, flop in designs.items():
        bound = flop / tflops / 1e9
        wanted = f"{WANTED_MS[name]:.0f}" if name in WANTED_MS else ""
        click.echo(f"{name:<28}{flop / 1e12:>8.1f}{bound:>10.0f}{bound / share:>12.0f}{wanted:>8}")
    kept = model.bytes_per_token * prefix
    click.echo(f"\nweights {model.parameters * BYTES / GIB:.0f} GiB; a kept prefix takes", nl=False)
    click.echo(
        f" {kept * groups / GIB:.2f} GiB in {groups} exact groups, {kept / GIB:.2f} activated"
    )
    for name in ("exact groups", "activated"):
        busy = designs[name] / tflops / 1e12 / share * calls
        click.echo(f"{calls:.0f} new patients a second, {name}: {busy:.1f} accelerators busy")


if __name__ == "__main__":
    main()
