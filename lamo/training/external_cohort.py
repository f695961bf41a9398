"""A split of another hospital's visits, verified and as an artifact reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lamo.exports.errors import CohortError
from lamo.notes.digest import NoteTools
from lamo.training.cohort.manifest import read_manifest
from lamo.training.cohort.visit import read_cohort
from lamo.training.external_model import ExternalModel, Tokenised
from lamo.training.stages.job import SPLITS


@dataclass(frozen=True, slots=True)
class ExternalCohort:
    """The visits of a hospital as the artifact reads them."""

    source: str
    parts: Mapping[str, Tokenised]
    hashes: Mapping[str, str]

    @property
    def fitting(self) -> Tokenised:
        """Train and validation visits: everything that may be learned from."""
        train, validation = self.parts["train"], self.parts["validation"]
        return Tokenised(
            [*train.visits, *validation.visits],
            [*train.examples, *validation.examples],
            train.too_long + validation.too_long,
        )


def read_external(folder: Path, model: ExternalModel, notes: NoteTools) -> ExternalCohort:
    """Read and verify a split; refuses one whose comparison would say nothing.

    Raises:
        CohortError: no split, a changed file, a part without prescriptions, a patient in two parts.
    """
    manifest = read_manifest(folder)
    sources, parts = set(), {}
    for split in SPLITS:
        path = folder / f"{split}.jsonl"
        if path.name not in manifest.outputs:
            raise CohortError(
                f"{folder} has no {path.name}: give the folder of a split, which "
                "`lamo-cds train cohort split` makes inside that of the visits"
            )
        visits = list(read_cohort(path))
        sources |= {visit.source for visit in visits}
        parts[split] = model.tokenise([visit.to_visit() for visit in visits], notes)
        if not parts[split].examples or not parts[split].prescribed.any():
            raise CohortError(
                f"{path} has {len(visits)} visits, and no prescription of the artifact's "
                "vocabulary among those whose prompts fit its model: give more visits, or split "
                "them with another --seed"
            )
    cohort = ExternalCohort(", ".join(sorted(sources)), parts, manifest.outputs)
    _refuse_shared(cohort)
    return cohort


def counts_of(cohort: ExternalCohort, medications: int) -> dict[str, int]:
    """Visits, patients and what is known of the test visits."""
    parts = cohort.parts
    everyone = {name for part in parts.values() for name in part.patients}
    test = [visit.record for visit in parts["test"].visits]
    return {
        "patients": len(everyone),
        **{f"{split}_visits": len(part.visits) for split, part in parts.items()},
        **{f"{split}_patients": len(set(part.patients)) for split, part in parts.items()},
        "test_visits_with_previous_stay": sum(record.previous is not None for record in test),
        "test_visits_with_notes": sum(bool(record.notes) for record in test),
        "prompts_too_long": sum(part.too_long for part in parts.values()),
        "medications": medications,
        "medications_prescribed_in_test": int(parts["test"].prescribed.any(dim=0).sum()),
    }


def _refuse_shared(cohort: ExternalCohort) -> None:
    shared = set(cohort.fitting.patients) & set(cohort.parts["test"].patients)
    if shared:
        raise CohortError(
            f"{len(shared)} patients have visits in the test part and in another: split the "
            "visits with `lamo-cds train cohort split --split patient-hash`"
        )
