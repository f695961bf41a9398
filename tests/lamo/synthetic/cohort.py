"""One cohort for all tests of this folder, made once."""

from collections.abc import Iterable
from functools import cache

from fhir_mappings.record import Medication
from lamo.synthetic.generator import synthesize
from lamo.visits import Visit

PATIENTS, SEED = 700, 20


@cache
def cohort() -> tuple[Visit, ...]:
    return tuple(synthesize(PATIENTS, SEED))


def labels(medications: Iterable[Medication]) -> set[str]:
    return {part.label for medication in medications for part in medication.ingredients}


def coded(visit: Visit) -> set[str]:
    found = {diagnosis.label for diagnosis in visit.record.diagnoses}
    return found | {procedure.label for procedure in visit.record.procedures}


def mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)
