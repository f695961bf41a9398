"""What is found of overprescription that was put in, and how many clean visits are left in peace.

    python -m benchmarks.overprescription --patients 1500

Visits of the generator with their own prescriptions as drafts; into each a medication too many is
put, of the visit's kind if one fits. Found: a card of the kind about that medication. Left in
peace: a clean twin without a warning of the kind. The clean visits are what the generator's
prescriber wrote, who draws each medication for itself and so combines two opioids or two statins
now and then: each such warning counts against us.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import click

from cds_service.cards.policy import load_policy
from fhir_mappings.formulary import Formulary
from fhir_mappings.indications import Indications
from fhir_mappings.record import PatientRecord
from lamo.artifact import Artifact, bundled_artifact_folder, load_artifact
from lamo.deadline import Deadline
from lamo.notes.digest import NoteTools, digest_record
from lamo.notes.rules import rule_tools
from lamo.prompts import render_prompt
from lamo.scoring.local import LocalScorer
from lamo.scoring.plan import LocalPlan
from lamo.selection import choose
from lamo.synthetic.generator import synthesize
from lamo.synthetic.injection import InjectedVisit, inject
from lamo.synthetic.overprescribing import KINDS
from medication_safety.check import check_medications, is_on_current, is_on_proposal
from medication_safety.rulebook import Rulebook

SEED = 20_261_126
COLUMNS = ("put in", "found", "wanted", "warned", "in peace", "outpatient", "precision")
FOOTNOTE = """
in peace: clean twins without a warning of the kind, of all and of outpatients
precision: found beside false warnings of as many clean visits; wanted 0.90
two that prolong QT: silent without a recorded risk, on purpose"""
LONG_MS = 60_000.0
QT, QT_PAIR = "two that prolong QT", "ONC-HP-08"
RULES = {
    "duplicate": ("duplicate-ingredient", "duplicate-class"),
    "interaction": ("interaction",),
    "inappropriate-for-age": ("older-adult",),
    "continued-too-long": ("usual-course",),
    "cascade": ("cascade",),
    "unsupported": ("overprescription",),
}
WANTED = {"duplicate": 0.9, "interaction": 0.9, "inappropriate-for-age": 0.9, "unsupported": 0.8}


@dataclass(frozen=True)
class Judge:
    """Model and rules, as in a hook call."""

    artifact: Artifact
    scorer: LocalScorer
    notes: NoteTools
    indications: Indications
    rulebook: Rulebook
    margin: float  # of the card policy

    def objections(self, record: PatientRecord) -> Iterator[tuple[str, str, frozenset[str]]]:
        """(rule, severity, labels of the medication) of all that is said of orders and lists."""
        for one in check_medications(record, [], self.rulebook):
            if not is_on_proposal(one):
                labels = frozenset(part.label for part in one.medication.ingredients)
                yield one.rule, "info" if is_on_current(one, record) else one.severity, labels
        prompt, _ = render_prompt(
            record, digest_record(record, self.notes), self.artifact.prompt_plan
        )
        labels_ = [entry.label for entry in self.artifact.vocabulary]
        scores = self.scorer.score(prompt, labels_, Deadline.after_ms(LONG_MS))
        choice = choose(record, scores, self.artifact, indicating=self.indications.for_label)
        for unsupported in choice.unsupported:
            if unsupported.short_by < self.margin:
                continue
            parts = unsupported.medication.ingredients
            yield "overprescription", "warning", frozenset(part.label for part in parts)


@dataclass
class Row:
    """One kind, over all its visits."""

    put_in: int = 0
    found: int = 0
    warned: int = 0  # of those found, as a warning or louder


def run(visits: Iterable[InjectedVisit], judge: Judge) -> dict[str, Row]:
    """How much of each kind was found."""
    rows: dict[str, Row] = defaultdict(Row)
    for visit in visits:
        (truth,) = visit.truth
        name = QT if QT_PAIR in truth.why else truth.kind
        row, too_many = rows[name], set(truth.medications)
        said = [
            severity
            for rule, severity, labels in judge.objections(visit.record)
            if rule in RULES[truth.kind] and labels & too_many
        ]
        row.put_in += 1
        row.found += bool(said)
        row.warned += any(severity != "info" for severity in said)
    return rows


def clean_warnings(visits: Iterable[InjectedVisit], judge: Judge) -> Counter[str]:
    """How many of some clean visits had a warning, by kind of rule."""
    warned = Counter[str]()
    for visit in visits:
        rules = {rule for rule, severity, _ in judge.objections(visit.clean) if severity != "info"}
        warned.update(kind for kind, names in RULES.items() if rules & set(names))
        warned["any"] += bool(rules)
    return warned


@click.command()
@click.option("--patients", default=1500, show_default=True, help="Synthetic patients to draw.")
def main(patients: int) -> None:
    """Print the table."""
    artifact, formulary = load_artifact(bundled_artifact_folder()), Formulary.load()
    judge = Judge(
        artifact=artifact,
        scorer=LocalScorer(artifact, LocalPlan(cache_bytes=0)),
        notes=rule_tools(formulary),
        indications=Indications.load(),
        rulebook=Rulebook.load(formulary),
        margin=load_policy().unsupported_margin,
    )
    visits = list(synthesize(patients, SEED))
    shares = {kind: visits[number :: len(KINDS)] for number, kind in enumerate(KINDS)}
    injected = [
        one for kind, some in shares.items() for visit in some
        if (one := inject(visit, SEED, (kind,))).truth
    ]  # fmt: skip
    rows, count = run(injected, judge), len(injected)
    outside = [one for one in injected if one.visit.setting == "outpatient"]
    warned = clean_warnings(injected, judge)
    warned_outside = clean_warnings(outside, judge)
    click.echo(
        f"{count} visits with one medication too many and their twins ({len(outside)} outpatient)\n"
    )
    click.echo(f"{'':<24}" + "".join(f"{name:>11}" for name in COLUMNS))
    for kind, row in rows.items():
        found, false = row.found / row.put_in, warned[kind] / count
        values = (
            str(row.put_in),
            f"{found:.3f}",
            f"{WANTED[kind]:.2f}" if kind in WANTED else "",
            f"{row.warned / row.put_in:.3f}",
            f"{1 - false:.3f}",
            f"{1 - warned_outside[kind] / len(outside):.3f}",
            f"{found / (found + false):.3f}" if kind in RULES else "",
        )
        click.echo(f"{kind:<24}" + "".join(f"{value:>11}" for value in values))
    spoilt = (warned["any"] / count, warned_outside["any"] / len(outside))
    click.echo(f"{'no warning at all':<68}" + "".join(f"{1 - share:>11.3f}" for share in spoilt))
    click.echo(FOOTNOTE)


if __name__ == "__main__":
    main()
