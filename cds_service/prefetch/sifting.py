"""Of what came under a key, what is used: this patient's, and the newest of too many."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.prefetch.bundles import Resource
from cds_service.prefetch.whose import Whose

MOST = 1000  # of one key and type: ten pages of a hundred, and 60 ms to map as conditions
DATES = (
    "recordedDate",
    "onsetDateTime",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "actualPeriod",
    "indexed",
    "assertedDate",
    "authoredOn",
    "effectiveDateTime",
    "effectivePeriod",
    "date",
    "period",
    "dateAsserted",
    "dateWritten",
    "dateRecorded",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """What is used of one key, in the order in which it came, and what is not."""

    resources: tuple[Resource, ...] = ()
    strangers: int = 0  # resources about another patient
    left_out: int = 0  # older ones than the newest so many


def sift(found: Sequence[Resource], resource_type: str, whose: Whose) -> Sifted:
    """Set aside what is another patient's, and keep the newest of the type that was asked for.

    What came beside that type, as the medications of orders, is kept up to the same number.
    """
    ours = [resource for resource in found if not whose.is_anothers(resource)]
    asked = [place for place, one in enumerate(ours) if one.get("resourceType") == resource_type]
    beside = sorted(set(range(len(ours))) - set(asked))[:MOST]
    if len(asked) > MOST:
        asked = sorted(asked, key=lambda place: date_of(ours[place]), reverse=True)[:MOST]
    kept = tuple(ours[place] for place in sorted((*asked, *beside)))
    return Sifted(resources=kept, strangers=len(found) - len(ours), left_out=len(ours) - len(kept))


def date_of(resource: Resource) -> str:
    """The first date of the resource, as written; one without counts as the oldest."""
    return next(_texts(resource), "")


def _texts(resource: Mapping[str, Any]) -> Iterator[str]:
    for name in DATES:
        value = resource.get(name)
        if isinstance(value, dict):
            value = value.get("start")
        if isinstance(value, str):
            yield value
