"""Which visits belong to a cohort, and what of a visit is told."""

from dataclasses import dataclass
from typing import Literal

Knowledge = Literal["encounter", "first-order"]
NoteRule = Literal["required", "optional", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRules:
    """The choices of a cohort; the defaults are those of LAMO on MIMIC-III (FLAME's script)."""

    min_visits: int = 2  # visits with prescriptions that a patient must have, before other cuts
    need_ndc: bool = True  # a prescription without an NDC, or with the NDC "0", is dropped
    top: int | None = 200  # medications kept by row count; the cut includes its end: one more
    rare: int = 5  # diagnosis and procedure codes with at most so many rows are dropped
    need_codes: bool = True  # a visit without a diagnosis or without a procedure is dropped
    notes: NoteRule = "required"  # a visit without a discharge summary is dropped
    knowledge: Knowledge = "encounter"  # "first-order": what was stamped before the first order


EVERY_VISIT = CohortRules(
    min_visits=1, need_ndc=False, top=None, rare=0, need_codes=False, notes="optional"
)
