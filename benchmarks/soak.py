"""Many callers at once for a minute, on the real server over loopback.

    python -m benchmarks.soak --callers 16 --seconds 60

Every caller goes through patients of its own order, at patient-view, order-select and order-sign.
Before that each patient was called alone; afterwards every audit row is compared with the row of
the same patient and hook from then: a score of another patient would show. Memory is that of all
processes of the server, sampled once a second; the cache of prefixes is kept so small that it is
full early.
"""

import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import requests

from benchmarks.calls import example, quantile, renamed, with_long_chart
from cds_service.audit.log import AuditLog
from cds_service.keys.file_keys import FileKeys
from tests.served import Served, served

HOOKS = ("patient-view", "order-select", "order-sign")
AGREES_WITHIN = 2e-3  # log-odds, rounded in the audit log
WARM_UP_S = 10
CACHE_MIB = 32
MIB = 1024 * 1024
MOST_ROWS = 1_000_000  # of one run


@dataclass
class Seen:
    """What the callers saw."""

    statuses: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    resident: list[tuple[float, int]] = field(default_factory=list)  # (second, bytes)


@click.command()
@click.option("--callers", default=16, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--patients", default=200, show_default=True)
@click.option(
    "--words", default=40, show_default=True, help="That a chart has more than the example."
)
@click.option("--workers", default=2, show_default=True, help="Processes of the service.")
def main(callers: int, seconds: float, patients: int, words: int, workers: int) -> None:
    """Print what came back, and fail if an answer was not its patient's own."""
    charts = [
        with_long_chart(renamed(example(), "order-sign", f"patient-{number}"), words, number)
        for number in range(patients)
    ]
    calls = [
        renamed(chart, hook, chart["context"]["patientId"]) for chart in charts for hook in HOOKS
    ]
    with tempfile.TemporaryDirectory() as folder:
        environment = {"LAMO_PREFIX_CACHE_MIB": str(CACHE_MIB), "LAMO_WORKERS": str(workers)}
        environment |= {"LAMO_CLIENT_RATE": "10000", "LAMO_CLIENT_IN_FLIGHT": "1000"}  # one client
        with served(Path(folder), **environment) as running:
            with requests.Session() as session:
                for call in calls:
                    _post(session, running, call).raise_for_status()
            alone = _scores(Path(folder))
            seen = _soak(running, calls, callers, seconds)
        rows = _rows(Path(folder))[len(calls) :]
    _print(seen, callers, seconds)
    _print_stages(rows)
    _compare(rows, alone)


def _soak(running: Served, calls: list[dict[str, Any]], callers: int, seconds: float) -> Seen:
    seen, lock, started = Seen(), threading.Lock(), time.monotonic()

    def call_on_and_on(number: int) -> None:
        order = random.Random(number)
        with requests.Session() as session:
            while time.monotonic() - started < seconds:
                sent = time.perf_counter()
                answer = _post(session, running, order.choice(calls))
                spent = (time.perf_counter() - sent) * 1000
                with lock:
                    seen.statuses[str(answer.status_code)] += 1
                    seen.milliseconds.append(spent)

    threads = [threading.Thread(target=call_on_and_on, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen.resident.append((time.monotonic() - started, resident(running.pid)))
        time.sleep(1)
    return seen


def _post(session: requests.Session, running: Served, call: Mapping[str, Any]) -> requests.Response:
    url = f"{running.url}/cds-services/lamo-{call['hook']}"
    return session.post(url, json=call, timeout=60)


def resident(pid: int) -> int:
    """Bytes in memory of a process and its children; what they share counts once."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(
                line.split(":", 1) for line in (folder / "status").read_text().splitlines()
            )
            if pid in (int(status["Pid"]), int(status["PPid"])):
                rollup = (folder / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        except OSError:  # it has ended in the meantime
            continue
    return total * 1024


def _rows(folder: Path) -> list[dict[str, Any]]:
    """The decisions, oldest first."""
    log = AuditLog(f"sqlite:///{folder / 'audit.db'}", FileKeys.from_file(folder / "keys.json"))
    try:
        ids = [event.event_id for event in log.list_events(limit=MOST_ROWS)]
        return [dict(log.find_event(one).body) for one in reversed(ids)]
    finally:
        log.close()


def _scores(folder: Path) -> dict[tuple[str, str], dict[str, float]]:
    """By patient and hook: the log-odds of every candidate that was scored."""
    return {(row["patient_id"], row["hook"]): _log_odds(row) for row in _rows(folder)}


def _log_odds(row: Mapping[str, Any]) -> dict[str, float]:
    return {score["label"]: score["log_odds"] for score in row["scores"]}


def _print_stages(rows: list[dict[str, Any]]) -> None:
    """Where the time of a call goes while all call at once, in milliseconds at the median."""
    stages = [row["stage_ms"] for row in rows]
    medians = {name: statistics.median(s.get(name, 0.0) for s in stages) for name in stages[-1]}
    click.echo("stages, ms: " + ", ".join(f"{name} {value:.0f}" for name, value in medians.items()))


def _compare(rows: list[dict[str, Any]], alone: Mapping[tuple[str, str], dict[str, float]]) -> None:
    unscored, other = 0, 0
    for row in rows:
        scores, expected = _log_odds(row), alone[row["patient_id"], row["hook"]]
        if not scores and expected:
            unscored += 1
        elif any(abs(scores[label] - expected[label]) > AGREES_WITHIN for label in expected):
            other += 1
    click.echo(f"{len(rows)} audit rows: {unscored} not scored in time and said so, {other} with")
    click.echo("other scores than the same patient had alone (wanted: 0)")
    if other:
        raise SystemExit(1)


def _print(seen: Seen, callers: int, seconds: float) -> None:
    count = len(seen.milliseconds)
    click.echo(
        f"{callers} callers for {seconds:.0f} s: {count} calls, {count / seconds:.0f} a second"
    )
    click.echo(f"statuses: {dict(seen.statuses)}")
    median, p95 = statistics.median(seen.milliseconds), quantile(seen.milliseconds, 0.95)
    click.echo(f"p50 {median:.0f} ms, p95 {p95:.0f} ms, slowest {max(seen.milliseconds):.0f} ms")
    timeline = " ".join(f"{size / MIB:.0f}" for _, size in seen.resident[::5])
    click.echo(f"memory every 5 s: {timeline} MiB")
    warm = [size for second, size in seen.resident if second >= WARM_UP_S] or [0]
    first, last = statistics.mean(warm[:5]) / MIB, statistics.mean(warm[-5:]) / MIB
    click.echo(f"memory {first:.0f} MiB after {WARM_UP_S} s, {last:.0f} MiB at the end")


if __name__ == "__main__":
    main()
