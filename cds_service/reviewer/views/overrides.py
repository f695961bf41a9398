"""Overrides: how often cards are answered, accepted and overridden, and for which reasons."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta

from flask import request

from cds_service.audit.read_model.outcomes import NO_REASON
from cds_service.audit.read_model.override_reading import By, Chosen, Tally
from cds_service.cards.parts import REASONS, TOPICS
from cds_service.reviewer.asked import medication_words
from cds_service.reviewer.charts import Chart
from cds_service.reviewer.choosing import month_of, one_of
from cds_service.reviewer.override_tables import count_text, lines, reasons, total_line
from cds_service.reviewer.pages import Look, Seen, desk, page, viewer
from cds_service.reviewer.small_cells import SMALLEST
from cds_service.reviewer.statistics import Rate
from cds_service.reviewer.views.search import SEARCHERS

MONTHS = 12  # that are shown when none are chosen
# of tables: what cards are told apart by, its heading, and the name of the parameter that chooses
TABLES: Sequence[tuple[By, str, str]] = (
    ("service_id", "Service", "service_id"),
    ("rule", "Rule", "rule"),
    ("rxcui", "Medication", "medication"),
    ("model", "Model", "model"),
    ("client", "Client", "client"),
)
Names = Mapping[str, str]  # what is shown of a key


@page("/overrides", ("reviewer", "compliance", "operator"))
def overrides() -> Seen:
    """Rates of the cards that are chosen, three apart.

    As it is handed on it hides small numbers; who may see the events may ask for all numbers, and
    only then do rows lead to their events.
    """
    is_whole = request.args.get("all") == "1" and not SEARCHERS.isdisjoint(viewer().roles)
    there = desk().read_model.cards_of()
    chosen = _chosen(there)
    found = desk().read_model.cards(chosen)
    total = sum(found["month"].values(), Tally())
    by_table = {by: lines(found[by], total, is_whole=is_whole) for by, _, _ in TABLES}
    values = {
        "chosen": chosen,
        "smallest": SMALLEST,
        "is_empty": total.shown == 0,
        "is_whole": is_whole,
        "total": total_line(total, is_whole=is_whole),
        "contradicted": count_text(total.contradicted, is_whole=is_whole),
        "tables": TABLES,
        "lines": by_table,
        "reasons": reasons(found["reason"], total, is_whole=is_whole),
        "names": _names(found),
        "options": {**there, "rule": TOPICS, "rxcui": _by_name(found["rxcui"])},
        "chart": _chart(found["month"], total, is_whole=is_whole),
        "given": _given(chosen) | ({"all": "1"} if is_whole else {}),
        "events": _events(chosen),
        "unlinked": set(found["rxcui"]) - _codes(),
    }
    look = Look(
        filters={name: value for name, value in asdict(chosen).items() if value}
        | ({"all": "1"} if is_whole else {}),
        rows=sum(map(len, by_table.values())),
    )
    return Seen(template="review/overrides.html", values=values, look=look)


def _chosen(there: Mapping[By, Sequence[str]]) -> Chosen:
    today = desk().clock().date()
    until = month_of(request.args, "until", today)
    since = month_of(request.args, "since", until - timedelta(days=365 * (MONTHS - 1) / 12))
    return Chosen(
        since=f"{since:%Y-%m}",
        until=f"{until:%Y-%m}",
        service_id=one_of(request.args, "service_id", there["service_id"]),
        client=one_of(request.args, "client", there["client"]),
        model=one_of(request.args, "model", there["model"]),
        rule=one_of(request.args, "rule", TOPICS),
        rxcui=one_of(request.args, "medication", _codes()),
    )


def _codes() -> set[str]:
    return {entry.rxcui for entry in desk().formulary.entries}


def _by_name(codes: Iterable[str]) -> list[str]:
    return sorted(_codes() & set(codes), key=_medication)


def _events(chosen: Chosen) -> dict[str, str]:
    """The parameters of the list of events that say the same."""
    given = {
        name: value for name, value in _given(chosen).items() if name not in ("since", "until")
    }
    return given | {"first_day": f"{chosen.since}-01", "last_day": _last_day(chosen.until)}


def _last_day(month: str) -> str:
    begin = date.fromisoformat(f"{month}-01")
    return ((begin + timedelta(days=31)).replace(day=1) - timedelta(days=1)).isoformat()


def _given(chosen: Chosen) -> dict[str, str]:
    """The parameters of this page, so that a link changes one of them."""
    given = {"since": chosen.since, "until": chosen.until}
    chosen_ones = {name: getattr(chosen, by) for by, _, name in TABLES}
    return given | {name: value for name, value in chosen_ones.items() if value}


def _names(found: Mapping[By, Mapping[str, Tally]]) -> Mapping[By, Names]:
    return {
        "service_id": {key: key or "none of ours" for key in found["service_id"]},
        "rule": {"": "About no medication"} | TOPICS,
        "rxcui": {code: _medication(code) for code in found["rxcui"]} | {"": "No medication"},
        "model": {key: key or "no model" for key in found["model"]},
        "client": {key: key for key in found["client"]},
        "reason": {NO_REASON: "No reason given", "other": "Another reason"}
        | {code: display for code, (_, display) in REASONS.items()},
    }


def _medication(rxcui: str) -> str:
    return medication_words(rxcui, desk().formulary)


def _chart(by_month: Mapping[str, Tally], total: Tally, *, is_whole: bool) -> Chart:
    in_order = sorted(lines(by_month, total, is_whole=is_whole), key=lambda line: line.key)
    return Chart(
        id="rates",
        title="Rates by month in which the card was shown",
        unit="%",
        step="month",
        times=[date.fromisoformat(f"{line.key}-01") for line in in_order],
        series={
            "response": [_percent(line.response.rate) for line in in_order],
            "acceptance": [_percent(line.acceptance.rate) for line in in_order],
            "override": [_percent(line.override.rate) for line in in_order],
        },
    )


def _percent(rate: Rate | None) -> float | None:
    return None if rate is None else round(100 * rate.share, 2)
