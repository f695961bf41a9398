"""What MIMIC-III and MIMIC-IV have in common."""

from collections.abc import Iterator, Sequence

from fhir_mappings.people import OLDEST
from fhir_mappings.record import Sex
from lamo.training.cohort.rules import CohortRules
from lamo.training.cohort.store import StayStore
from lamo.training.cohort.tables import TableFolder

OrderRow = tuple[int, int, str | None]  # visit, item, time
_SEXES: dict[str, Sex] = {"f": "female", "m": "male", "female": "female", "male": "male"}


def order_rows(
    tables: TableFolder, store: StayStore, rules: CohortRules, at: str
) -> Iterator[OrderRow]:
    """Step 1: the usable rows of the table of prescriptions, `at` being its column of the start."""
    columns = ("subject_id", "hadm_id", "drug_type", "drug", "ndc")
    usable = 0
    for subject, hadm, kind, drug, ndc, start in tables.rows("prescriptions", columns, (at,)):
        visit = whole_number(hadm)
        reason = _refusal((kind, ndc) if rules.need_ndc else (kind, "-"), bool(subject and drug))
        if reason is None and visit is not None:
            usable += 1
            yield visit, store.items.number((drug.strip(), _ndc(ndc))), start or None
        else:
            tables.tally.drop(f"prescriptions: {reason or 'no admission'}")
    tables.tally.count("usable rows of MAIN prescriptions", usable)


def whole_number(text: str) -> int | None:
    """An id as a number, also where a spreadsheet wrote it as 123.0; None when it is none."""
    plain = text.strip().removesuffix(".0")
    return int(plain) if plain.isascii() and plain.isdigit() else None


def cap_age(years: int) -> int | None:
    """An age as the record holds it: 90 for all above, None for what cannot be."""
    return min(years, OLDEST) if years >= 0 else None


def sex_of(text: str) -> Sex | None:
    """Female or male; None for anything else."""
    return _SEXES.get(text.strip().lower())


def note_rows(
    tables: TableFolder, table: str, columns: tuple[Sequence[str], Sequence[str]]
) -> Iterator[tuple[str, ...]]:
    """The rows of a table of notes; none where there is no such table."""
    if tables.has(table):
        yield from tables.rows(table, *columns)


def _refusal(kind_and_ndc: tuple[str, str], has_texts: bool) -> str | None:
    kind, ndc = kind_and_ndc
    if kind.strip().upper() != "MAIN":
        return "drug type is not MAIN"
    if ndc.strip() == "0":
        return "NDC is 0"
    return None if has_texts and ndc.strip() else "an empty value"


def _ndc(text: str) -> str:
    plain = text.strip()
    return "" if plain == "0" else plain
