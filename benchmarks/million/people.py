"""Clients, prescribers and patients, and when calls come: all of it from a seed."""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from random import Random

from cds_service.audit.vault import Whom

CLIENTS = {"north-hospital": 0.6, "south-hospital": 0.3, "day-clinic": 0.1}  # share of the calls
PATIENTS, PRESCRIBERS, MONTHS = 60_000, 400, 24
REVIEWERS = ("ada", "grace", "florence", "ignaz")
# calls by hour of the day and by day of the week, beside one of the busiest
HOURS = (2, 1, 1, 1, 1, 2, 5, 20, 60, 95, 100, 90, 60, 70, 90, 85, 65, 40, 22, 15, 10, 7, 5, 3)
DAYS = (1.0, 0.97, 0.95, 0.96, 0.9, 0.3, 0.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who is treated by whom, where."""

    whom: Whom
    prescriber: int  # from 0: the first ones call most

    @property
    def user(self) -> str:
        """As a hook call names them."""
        return f"Practitioner/{self.whom.client[:5]}-{self.prescriber:03}"


def all_patients() -> Sequence[Whom]:
    """Every patient: each client has its share of them."""
    return [
        Whom(client=client, patient_id=f"{client[:1]}-{number:06}")
        for client, share in CLIENTS.items()
        for number in range(round(PATIENTS * share))
    ]


def any_visit(random: Random) -> Visit:
    """A visit: some patients come far more often than others, and some prescribers call more."""
    (client,) = random.choices(list(CLIENTS), list(CLIENTS.values()))
    number = int(PATIENTS * CLIENTS[client] * random.random() ** 1.6)
    prescriber = int(PRESCRIBERS * CLIENTS[client] * random.random() ** 1.8)
    whom = Whom(client=client, patient_id=f"{client[:1]}-{number:06}")
    return Visit(whom=whom, prescriber=prescriber)


def month_starts(until: datetime) -> Sequence[datetime]:
    """The beginnings of the last MONTHS months before a moment, and that moment as the end."""
    firsts = []
    year, month = until.year, until.month
    for _ in range(MONTHS):
        firsts.append(datetime(year, month, 1, tzinfo=UTC))
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return [*reversed(firsts), until]


def busy(since: datetime, until: datetime) -> Sequence[float]:
    """How busy each hour is, beside a busiest one: by the time of day and the day of the week."""
    hours = (until - since) // timedelta(hours=1)
    moments = (since + timedelta(hours=hour) for hour in range(hours))
    return [HOURS[moment.hour] / max(HOURS) * DAYS[moment.weekday()] for moment in moments]


def call_times(random: Random, since: datetime, until: datetime, count: int) -> Sequence[datetime]:
    """So many moments in order, each within an hour by how busy that is."""
    steps = list(accumulate(busy(since, until)))
    drawn = (bisect(steps, random.random() * steps[-1]) for _ in range(count))
    seconds = sorted(3600 * (hour + random.random()) for hour in drawn)
    return [since + timedelta(seconds=second) for second in seconds]


def calls_by_month(starts: Sequence[datetime], decisions: int) -> Sequence[int]:
    """How many of the decisions fall into each month: by its busy hours, growing by half."""
    spans = pairwise(starts)
    weights = [sum(busy(*span)) * (1 + at / (2 * MONTHS)) for at, span in enumerate(spans)]
    ends = [round(decisions * step / sum(weights)) for step in accumulate(weights)]
    return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
