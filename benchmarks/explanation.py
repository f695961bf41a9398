"""What it costs to say why, and whether what is said is what a table of indications says.

    python -m benchmarks.explanation

Charts of synthetic visits that no stage of training has seen, with about 5, 20 and 40 facts. As in
a hook call, all candidates were scored just before; timed is what the explanation adds. Candidates
are of as many groups as there are, which is the worst case: each group reads for itself.

The second table is a sanity check on the demonstration model: of the medications that were
prescribed and have an indication on record, how often the fact that speaks most for one is an
indication of it. Beside it, how often it would be one if facts were drawn by lot.
"""

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import click

from benchmarks.calls import quantile
from fhir_mappings.formulary import Formulary
from fhir_mappings.indications import Indications
from lamo.artifact import Artifact, bundled_artifact_folder, load_artifact
from lamo.deadline import Deadline
from lamo.explanation import Explanation, Moved, explain, omissions_of
from lamo.notes.digest import NoteDigest, NoteTools, digest_record
from lamo.notes.rules import rule_tools
from lamo.prompts import render_prompt
from lamo.scoring.base import Scorer
from lamo.scoring.local import LocalScorer
from lamo.scoring.plan import LocalPlan
from lamo.synthetic.generator import synthesize
from lamo.visits import Visit

SEED = 20_261_125
LONG_MS = 60_000.0
LIMIT_MS = 400.0
FACTS = (5, 20, 40)
CANDIDATES = (1, 5, 8)
MOST_DRUGS = 8  # of a patient, in the sanity table


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A visit and what its notes say."""

    visit: Visit
    digest: NoteDigest | None

    @property
    def facts(self) -> int:
        """How many facts an explanation has to leave out."""
        return len(list(omissions_of(self.visit.record, self.digest)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The bundled model, with and without its way to leave facts out."""

    artifact: Artifact
    scorer: LocalScorer

    def explained(self, chart: Chart, labels: Sequence[str], scorer: Scorer) -> Explanation:
        """The explanation, with all the time that it takes."""
        plan, later = self.artifact.prompt_plan, Deadline.after_ms(LONG_MS)
        return explain(chart.visit.record, chart.digest, plan, scorer, labels, later)

    def milliseconds(self, chart: Chart, labels: Sequence[str], scorer: Scorer) -> float:
        """What an explanation adds to a call that has scored every candidate."""
        prompt, _ = render_prompt(chart.visit.record, chart.digest, self.artifact.prompt_plan)
        everything = [entry.label for entry in self.artifact.vocabulary]
        self.scorer.score(prompt, everything, Deadline.after_ms(LONG_MS))
        started = time.perf_counter()
        found = self.explained(chart, labels, scorer)
        spent = (time.perf_counter() - started) * 1000
        assert found.unexamined == 0, found.reason
        return spent


class Plainly:
    """The same scorer, a prompt at a time."""

    def __init__(self, scorer: LocalScorer) -> None:
        self.score = scorer.score


def charts(patients: int, tools: NoteTools) -> Iterator[Chart]:
    """Fresh synthetic visits, read by the rules."""
    for visit in synthesize(patients, SEED):
        yield Chart(visit=visit, digest=digest_record(visit.record, tools))


def nearest(found: Iterable[Chart], facts: int, most: int) -> list[Chart]:
    """The charts with about so many facts."""
    return sorted(found, key=lambda chart: abs(chart.facts - facts))[:most]


def of_all_groups(artifact: Artifact) -> list[str]:
    """Every label, neighbours of different groups."""
    by_group: dict[str, list[str]] = {}
    for entry in artifact.vocabulary:
        by_group.setdefault(entry.group, []).append(entry.label)
    place = {label: at for labels in by_group.values() for at, label in enumerate(labels)}
    return sorted(place, key=lambda label: place[label])  # stable: groups in their order


def print_times(bench: Bench, found: Sequence[Chart], each: int) -> None:
    """The first table."""
    labels = of_all_groups(bench.artifact)
    bench.milliseconds(found[0], labels[:8], bench.scorer)  # the first call is slower
    click.echo(f"{'ms more than the call':<32}{'p50':>8}{'p95':>8}{'limit':>8}{'plainly, p50':>15}")
    for facts in FACTS:
        some = nearest(found, facts, each)
        spread = f"{min(one.facts for one in some)}-{max(one.facts for one in some)}"
        for count in CANDIDATES:
            ours, plainly = (
                [bench.milliseconds(chart, labels[:count], scorer) for chart in some]
                for scorer in (bench.scorer, Plainly(bench.scorer))
            )
            name = f"{spread} facts, {count} candidates"
            click.echo(
                f"{name:<32}{statistics.median(ours):>8.1f}{quantile(ours, 0.95):>8.1f}"
                f"{LIMIT_MS:>8.0f}{statistics.median(plainly):>15.1f}"
            )


def with_reasons(chart: Chart, artifact: Artifact, indications: Indications) -> list[str]:
    """What was prescribed for something that stands in the record."""
    record = chart.visit.record
    on_record = {one.label for one in record.diagnoses} | {one.label for one in record.procedures}
    given = [label for label in sorted(chart.visit.prescribed) if label in artifact.by_label]
    return [label for label in given if on_record & set(indications.for_label(label))][:MOST_DRUGS]


def is_indication(moved: Moved, indications: Indications) -> bool:
    """Whether the table names this fact for this medication."""
    return moved.named in indications.for_label(moved.label)


def print_sanity(bench: Bench, found: Iterable[Chart], patients: int) -> None:
    """The second table."""
    indications = Indications.load()
    asked = ((chart, with_reasons(chart, bench.artifact, indications)) for chart in found)
    click.echo(
        f"\n{'patient':<10}{'facts':>7}{'drugs':>7}{'indication':>12}{'itself':>8}{'by lot':>8}"
    )
    rows = []
    for chart, labels in islice((pair for pair in asked if pair[1]), patients):
        moved = bench.explained(chart, labels, bench.scorer)
        tops = [top for label in labels for top in moved.speaking_for(label, 1)]
        hits = sum(is_indication(top, indications) for top in tops)
        itself = sum(top.named == top.label for top in tops)
        lot = statistics.mean(is_indication(one, indications) for one in moved.moved)
        rows.append((len(labels), hits, itself, lot * len(labels)))
        click.echo(
            f"{chart.visit.patient:<10}{chart.facts:>7}{len(labels):>7}{hits:>12}{itself:>8}{lot:>8.0%}"
        )
    drugs, hits, itself, lots = (sum(column) for column in zip(*rows, strict=True))
    click.echo(
        f"all {drugs} drugs: {hits / drugs:.0%} an indication, {itself / drugs:.0%} the drug "
        f"itself at home; by lot {lots / drugs:.0%} an indication"
    )


@click.command()
@click.option("--patients", default=300, show_default=True, help="Synthetic patients to draw.")
@click.option("--each", default=10, show_default=True, help="Charts of each size.")
@click.option("--sane", default=10, show_default=True, help="Patients of the second table.")
@click.option("--threads", type=int, help="Of the processor; the shipped default if not given.")
def main(patients: int, each: int, sane: int, threads: int | None) -> None:
    """Print the tables."""
    artifact = load_artifact(bundled_artifact_folder())
    bench = Bench(artifact=artifact, scorer=LocalScorer(artifact, LocalPlan(threads=threads)))
    found = list(charts(patients, rule_tools(Formulary.load())))
    print_times(bench, found, each)
    one_each = {chart.visit.patient: chart for chart in found}  # the last visit of each patient
    print_sanity(bench, one_each.values(), sane)


if __name__ == "__main__":
    main()
