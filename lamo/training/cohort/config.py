"""Everything that a cohort is made from."""

from dataclasses import dataclass, field
from pathlib import Path

from lamo.training.cohort.drugs import DrugBankFiles
from lamo.training.cohort.rules import CohortRules
from lamo.training.cohort.splits import SplitPlan
from lamo.training.cohort.visit import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortConfig:
    """Everything that a cohort is made from."""

    source: Source
    folders: tuple[Path, ...]  # of the tables; files of FHIR lines or of synthetic visits too
    out: Path
    rules: CohortRules = field(default_factory=CohortRules)
    splits: tuple[SplitPlan, ...] = (SplitPlan(how="patient-hash"),)
    codes: Path | None = None  # CSV of ndc and rxcui
    drugbank: DrugBankFiles | None = None  # LAMO's exact vocabulary, in place of the formulary
    progress: bool = False
    scratch: Path | None = None  # for temporary files of about the size of the tables
