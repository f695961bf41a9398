"""Patient to age and sex."""

from datetime import date
from typing import Literal

from fhir_mappings.dates import whole_years
from fhir_mappings.elements import Element
from fhir_mappings.inputs import Call
from fhir_mappings.record import Sex

OLDEST = 90  # LAMO's cohort writes 90 for everyone above
_LONGEST_LIFE = 130
_SEXES: dict[str, Literal["female", "male"]] = {"female": "female", "male": "male"}


def find_patient(call: Call) -> Element | None:
    """The Patient resource of the call."""
    found = next(iter(call.pool.of_type("Patient")), None)
    if found is None:
        meaning = "no Patient resource of this patient was sent: age and sex are not known"
        call.gaps.add("patient-missing", "patient", meaning, shown=True)
    return found


def map_birth(patient: Element | None, call: Call) -> date | None:
    """The day of birth; None, with a gap, when it is absent or cannot be."""
    if patient is None:
        return None
    born = patient.day("birthDate")
    if born is not None and 0 <= whole_years(born, call.today) <= _LONGEST_LIFE:
        return born
    found = "cannot be read" if patient.has("birthDate") else "is missing"
    found = found if born is None else "is in the future or too long ago"
    meaning = f"birthDate {found}: the patient was judged without an age"
    call.gaps.add("age-unknown", patient.where, meaning, shown=True)
    return None


def age_on(born: date | None, day: date | None) -> int | None:
    """Whole years on that day, 90 for all above."""
    if born is None or day is None or day < born:
        return None
    return min(whole_years(born, day), OLDEST)


def map_sex(patient: Element | None, call: Call) -> Sex | None:
    """Female or male as recorded; None, with a harmless gap, for anything else."""
    if patient is None:
        return None
    sex = _SEXES.get((patient.text("gender") or "").lower())
    if sex is None:
        meaning = "gender is neither female nor male: the patient was judged without a sex"
        call.gaps.add("sex-unknown", patient.where, meaning)
    return sex
