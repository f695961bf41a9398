"""How soon the pages of /review answer over a large log, and how fast it is exported.

    python -m benchmarks.million_log --into FOLDER
    python -m benchmarks.audit_pages --log FOLDER

The pages are asked through the service's own web part; each look is committed to the log, as it is
in use. What is searched for is common, rare or not there at all.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from os import environ
from pathlib import Path

import click
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from benchmarks.calls import quantile
from benchmarks.million.people import REVIEWERS
from benchmarks.million.server import Place, old_place
from cds_service.artifacts.models import Models
from cds_service.audit.database import open_engine
from cds_service.audit.ids import first_event_id
from cds_service.audit.migrate import upgrade
from cds_service.audit.models import EventRow
from cds_service.keys.building import build_keys
from cds_service.logs import configure_logs
from cds_service.reviewer.roles import EVERYBODY
from cds_service.reviewer.viewer import Viewer
from cds_service.serve import build_app
from cds_service.serving.client_limits import ClientLimits
from cds_service.settings import Settings
from cds_service.tools import load_to_share
from fhir_mappings.formulary import Formulary
from lamo.artifact import bundled_artifact_folder, load_artifact

SEARCH_MS, DECISION_MS, OVERRIDES_MS, EXPORT_ROWS = 300.0, 200.0, 1000.0, 5000
VIEWER = Viewer(account=REVIEWERS[0], roles=EVERYBODY, csrf="of-the-benchmark")
LINK = re.compile(rb'href="/review/events/[0-9a-f-]{36}"')
Ask = Callable[[FlaskClient], TestResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page that is asked for again and again."""

    name: str
    most_ms: float  # the limit of its p95
    asks: Sequence[Ask]  # in turn
    filters: Mapping[str, str] | None = None  # that the log has to tell of its looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What of the log the searches name."""

    first: date
    last: date
    common: str  # RxNorm codes
    rare: str

    def days_ago(self, days: int) -> str:
        """A day before the last one of the log."""
        return (self.last - timedelta(days=days)).isoformat()


def searches(known: Known) -> Mapping[str, Mapping[str, str]]:
    """What is searched for, by what it is called in the table."""
    day = known.days_ago(40)
    month = {"first_day": known.days_ago(60), "last_day": known.days_ago(30)}
    return {
        "everything": {},
        "rule, common": {"rule": "overprescription"},
        "rule, rare": {"rule": "lactation"},
        "rule, none": {"rule": "gap"},
        "medication, common": {"medication": known.common},
        "medication, rare": {"medication": known.rare},
        "medication, none": {"medication": "0"},
        "service": {"service_id": "lamo-order-sign"},
        "hook": {"hook": "encounter-discharge"},
        "model, newest": {"model": "lamo-demo 4"},
        "model, oldest": {"model": "lamo-demo 2"},
        "outcome, common": {"outcome": "no-card"},
        "outcome, rare": {"outcome": "error"},
        "client, large": {"client": "north-hospital"},
        "client, small": {"client": "day-clinic"},
        "prescriber, busy": {"user_ref": "Practitioner/north-000"},
        "prescriber, seldom": {"user_ref": "Practitioner/day-c-039"},
        "prescriber, none": {"user_ref": "Practitioner/nobody"},
        "kind, feedback": {"kind": "feedback"},
        "kind, error": {"kind": "error"},
        "one day": {"first_day": day, "last_day": day},
        "rule and outcome": {"rule": "allergy", "outcome": "partial-data"},
        "rule and medication": {"rule": "interaction", "medication": known.common},
        "rare rule, small client": {"rule": "lactation", "client": "day-clinic"},
        "prescriber and rule": {"user_ref": "Practitioner/north-000", "rule": "pregnancy"},
        "medication in a month": {"medication": known.rare, **month},
        "model that was over by then": {"model": "lamo-demo 2", **month},
        "three at once": {"rule": "renal", "service_id": "lamo-order-sign", "client": "day-clinic"},
    }


def pages(known: Known, event_ids: Sequence[str]) -> Iterator[Page]:
    """Every page, with its limit."""
    for name, query in searches(known).items():
        asks = [_get("events", query)]
        yield Page(name=f"search: {name}", most_ms=SEARCH_MS, asks=asks, filters=query)
    yield Page(name="search: a patient", most_ms=SEARCH_MS, asks=[*map(_search_patient, range(9))])
    opened = [_get(f"events/{one}") for one in event_ids]
    yield Page(name="decision", most_ms=DECISION_MS, asks=opened)
    whole = {"since": f"{known.first:%Y-%m}", "until": f"{known.last:%Y-%m}"}
    rule = {**whole, "rule": "allergy"}
    for name, query in {"a year": {}, "all months": whole, "of one rule": rule}.items():
        asks = [_get("overrides", query)]
        yield Page(name=f"overrides: {name}", most_ms=OVERRIDES_MS, asks=asks)
    yield Page(name="drift: a week", most_ms=OVERRIDES_MS, asks=[_get("drift")])
    longer = {"since": known.days_ago(89), "until": known.days_ago(0)}
    yield Page(name="drift: three months", most_ms=OVERRIDES_MS, asks=[_get("drift", longer)])


def _get(address: str, query: Mapping[str, str] | None = None) -> Ask:
    return lambda client: client.get(f"/review/{address}", query_string=dict(query or {}))


def _search_patient(number: int) -> Ask:
    form = {
        "patient_client": "north-hospital",
        "patient_id": f"n-{number:06}",
        "purpose": "a benchmark",
        "csrf": VIEWER.csrf,
    }
    return lambda client: client.post("/review/events", data=form)


def measure(client: FlaskClient, page: Page, rounds: int) -> str:
    """One line: milliseconds of the first time and of all the others, and how many links."""
    took, links = [], 0
    for number in range(rounds + 1):
        began = time.perf_counter()
        answer = page.asks[number % len(page.asks)](client)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, f"{page.name}: status {answer.status_code}"
        links = len(set(LINK.findall(answer.data)))
    p50, p95 = (quantile(took[1:], share) for share in (0.5, 0.95))
    verdict = "" if p95 <= page.most_ms else "  TOO SLOW"
    times = f"{took[0]:>8.0f}{p50:>8.0f}{p95:>8.0f}{page.most_ms:>8.0f}"
    return f"{page.name:<40}{times}{links:>8}{verdict}"


def check(engine: Engine, page: Page) -> None:
    """Return when the last look is told with the filters of the page: others were not applied."""
    newest = select(EventRow.body).where(EventRow.kind == "access")
    with engine.begin() as connection:
        body = connection.scalar(newest.order_by(EventRow.event_id.desc()).limit(1))
    told = json.loads(body or b"{}").get("filters")
    assert page.filters in (None, told), f"{page.name}: the page filtered by {told}"


def known_of(engine: Engine) -> Known:
    """The days of the log, and two medications."""
    with engine.begin() as connection:
        span = select(func.min(EventRow.recorded_at), func.max(EventRow.recorded_at))
        decisions = span.where(EventRow.kind == "decision")
        first, last = (datetime.fromisoformat(one) for one in connection.execute(decisions).one())
    entries = Formulary.load().entries
    common, rare = entries[0].rxcui, entries[-1].rxcui
    return Known(first=first.date(), last=last.date(), common=common, rare=rare)


def some_decisions(engine: Engine, known: Known, count: int) -> Sequence[str]:
    """Ids of decisions from all of the time."""
    step = (known.last - known.first) / count
    query = select(func.min(EventRow.event_id)).where(EventRow.kind == "decision")
    first = datetime.fromisoformat(f"{known.first.isoformat()}T00:00:00Z")
    since = [first_event_id(first + place * step) for place in range(count)]
    with engine.begin() as connection:
        found = [connection.scalar(query.where(EventRow.event_id >= one)) for one in since]
    return [one for one in found if one is not None]


def client_of(settings: Settings) -> FlaskClient:
    """The web part as the service builds it, with somebody signed in."""
    artifact = load_artifact(settings.artifact or bundled_artifact_folder())
    limits = ClientLimits(settings.client_rate, settings.client_in_flight)
    app = build_app(settings, load_to_share(settings, Models(served=artifact)), limits)
    desk = app.extensions["review"]
    app.extensions["review"] = replace(desk, find_viewer=lambda _: VIEWER)
    return app.test_client()


def export(place: Place, known: Known, days: int) -> str:
    """Export some days by the command, and say how fast that was, its start included."""
    since = ["--since", known.days_ago(days), "--until", known.days_ago(1)]
    command = [str(Path(sys.executable).parent / "lamo-cds"), "audit", "export", "--format", "csv"]
    env = {**environ, "LAMO_DATABASE_URL": place.url, "VAR_DIR": str(place.var_dir)}
    with tempfile.TemporaryDirectory() as folder:
        out = ["--out", f"{folder}/export.csv"]
        began = time.perf_counter()
        done = subprocess.run(
            [*command, *since, *out], env=env, check=True, capture_output=True, text=True
        )
        seconds = time.perf_counter() - began
    rows = int(done.stdout.split()[1])
    verdict = "" if rows / seconds >= EXPORT_ROWS else "  TOO SLOW"
    return f"export: {rows:,} rows, {rows / seconds:,.0f}/s, wanted {EXPORT_ROWS:,}/s{verdict}"


@click.command()
@click.option("--log", "folder", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--rounds", default=20, show_default=True, help="Of each page, after the first.")
@click.option("--export-days", default=60, show_default=True, help="That are exported.")
def main(folder: Path, rounds: int, export_days: int) -> None:
    """Print a line for each page."""
    configure_logs("error")
    place = old_place(folder)
    settings = Settings(var_dir=place.var_dir, database_url=place.url)
    upgrade(place.url, build_keys(settings))
    engine = open_engine(place.url, timeout_s=600, read_only=True)
    known = known_of(engine)
    event_ids = some_decisions(engine, known, 2 * rounds)
    client = client_of(settings)
    heading = "".join(f"{one:>8}" for one in ("first", "p50", "p95", "limit", "links"))
    click.echo(f"{'milliseconds':<40}{heading}")
    for page in pages(known, event_ids):
        click.echo(measure(client, page, rounds))
        check(engine, page)
    click.echo(export(place, known, export_days))


if __name__ == "__main__":
    main()
