"""What the notes are worth to the shipped model: with them, with another patient's, and without.

    python -m benchmarks.note_effect --patients 300

Fresh synthetic visits that no stage of training has seen, read by the rules, scored with the
bundled artifact and decided by its own policy; beside the same visits with the notes of another
visit and with none. Jaccard against what was prescribed, mean over visits.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random

import click

from fhir_mappings.formulary import Formulary
from lamo.artifact import Artifact, bundled_artifact_folder, load_artifact
from lamo.deadline import Deadline
from lamo.notes.digest import NoteTools, digest_record
from lamo.notes.rules import rule_tools
from lamo.policies import Context, select
from lamo.prompts import render_prompt
from lamo.scoring.local import LocalScorer
from lamo.scoring.plan import LocalPlan
from lamo.selection import choose
from lamo.synthetic.generator import synthesize
from lamo.visits import Visit

SEED = 20_261_125
LONG_MS = 60_000.0
RESAMPLES = 1000


def with_notes_of(visits: Sequence[Visit], shift: int) -> list[Visit]:
    """The visits with each other's notes."""
    moved = [*visits[shift:], *visits[:shift]]
    return [
        replace(one, record=replace(one.record, notes=other.record.notes))
        for one, other in zip(visits, moved, strict=True)
    ]


def without_notes(visits: Iterable[Visit]) -> list[Visit]:
    """The visits as a client without notes sends them."""
    return [replace(one, record=replace(one.record, notes=())) for one in visits]


def jaccards(
    visits: Iterable[Visit], artifact: Artifact, scorer: LocalScorer, tools: NoteTools
) -> Iterator[float]:
    """How much of each visit's medications the policy finds."""
    labels = [entry.label for entry in artifact.vocabulary]
    for visit in visits:
        digest = digest_record(visit.record, tools)
        prompt, _ = render_prompt(visit.record, digest, artifact.prompt_plan)
        bare = replace(visit.record, current=(), ordered=())
        scores = scorer.score(prompt, labels, Deadline.after_ms(LONG_MS))
        ranked = choose(bare, scores, artifact).scores
        places = select(artifact.selection, ranked, Context())
        chosen = {ranked[place].ingredient.label for place in places}
        given = set(visit.prescribed) & set(labels)
        yield len(chosen & given) / max(1, len(chosen | given))


def interval(values: Sequence[float], rng: Random) -> tuple[float, float]:
    """95 % of the means of resamples."""
    means = sorted(sum(rng.choices(values, k=len(values))) / len(values) for _ in range(RESAMPLES))
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]


@click.command()
@click.option("--patients", default=300, show_default=True, help="Synthetic patients to draw.")
def main(patients: int) -> None:
    """Print the table."""
    artifact = load_artifact(bundled_artifact_folder())
    scorer = LocalScorer(artifact, LocalPlan(cache_bytes=0))
    tools = rule_tools(Formulary.load())
    visits = [one for one in synthesize(patients, SEED) if one.record.notes]
    click.echo(f"{len(visits)} visits with a note, of {patients} fresh synthetic patients\n")
    rng = Random(SEED)
    first: list[float] = []
    for name, variant in (
        ("with their notes", visits),
        ("with the notes of another visit", with_notes_of(visits, len(visits) // 2)),
        ("without notes", without_notes(visits)),
    ):
        found = list(jaccards(variant, artifact, scorer, tools))
        low, high = interval(found, rng)
        first = first or found
        gap = sum(found) / len(found) - sum(first) / len(first)
        click.echo(
            f"{name:<34}Jaccard {sum(found) / len(found):.3f} ({low:.3f}-{high:.3f})"
            + (f"  {gap:+.3f}" if found is not first else "")
        )


if __name__ == "__main__":
    main()
