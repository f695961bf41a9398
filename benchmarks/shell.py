"""What the service costs around its model, over loopback, with everything on: real processes,
signed tokens, a prefetch of 60 resources, PostgreSQL for the audit log, on the cores of one machine
with the callers.

    export LAMO_TEST_DATA=/path/to/shared/data/parent
    python -m venv /tmp/peer && /tmp/peer/bin/pip install healthchain
    python -m benchmarks.shell --peer /tmp/peer/bin/python

The first table has as many calls a second as there can be, ours with a model that costs nothing,
ours with the bundled one, and a HealthChain service that reads the same prefetch. The second has
half the rate that is wanted, and where the milliseconds of a call go, as the service tells in
Server-Timing: all of its own share, once a request is there whole; cpu is the processor time of all
processes of the service. Memory is that of all processes
of the service, taken at a quarter, the half and the end of the time.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import requests

from benchmarks.calls import quantile
from benchmarks.charts import LARGE, calls_of, large_call
from benchmarks.load import Outcome, Target, as_fast_as_possible, at_rate, encoded
from benchmarks.soak import resident
from cds_service.audit.migrate import upgrade
from tests.cds_service.postgres import PostgresServer, new_server
from tests.production import PUBLIC_URL, production
from tests.served import free_port, served
from tests.tokens import Signer, ec_key

WANTED, AIM = 60, 150  # calls a second
WANTED_P95_MS = 25  # of our own share, at half of WANTED
MIB = 1024 * 1024
STUB = (sys.executable, "-m", "benchmarks.stubbed_service")


@dataclass
class Line:
    """One row of the first table."""

    name: str
    outcome: Outcome
    memory: str = ""
    processor_s: float = 0.0  # of all processes of the service, while it was called

    @property
    def processor_ms(self) -> float:
        """Of one good answer."""
        return 1000 * self.processor_s / max(1, self.outcome.statuses[200])


@click.command()
@click.option("--seconds", default=20.0, show_default=True, help="Of every run but the long one.")
@click.option(
    "--long", "long_s", default=60.0, show_default=True, help="Of the run with the model."
)
@click.option("--callers", default=8, show_default=True)
@click.option("--peer", type=click.Path(exists=True), help="A Python that has healthchain.")
def main(seconds: float, long_s: float, callers: int, peer: str | None) -> None:
    """Print both tables."""
    database = new_server()
    database.start()
    try:
        lines, stages = _measure(database, (seconds, long_s), callers)
    finally:
        database.remove()
    if peer:
        lines.append(_of_peer(peer, seconds, callers))
    _print_rates(lines)
    _print_stages(stages)


def _measure(
    database: PostgresServer, seconds: tuple[float, float], callers: int
) -> tuple[list[Line], dict[str, list[float]]]:
    short_s, long_s = seconds
    lines = []
    with _ours(database, STUB) as (target, pid):
        warm(target)
        for hook in ("order-sign", "patient-view"):
            aimed, before = target(hook, short_s), processor_s(pid)
            outcome = as_fast_as_possible(aimed, callers, short_s)
            spent = processor_s(pid) - before
            lines.append(Line(f"ours, model stubbed, {hook}", outcome, _mib(pid), spent))
        steady = at_rate(target("order-sign", short_s), WANTED / 2, short_s)
        lines.append(Line(f"ours, stubbed, order-sign at {WANTED // 2}/s", steady, _mib(pid)))
        stages = steady.stages
        large = replace(target("patient-view", short_s / 4), bodies=encoded([large_call()]))
        outcome = as_fast_as_possible(large, 1, short_s / 4)
        lines.append(Line(f"ours, stubbed, {LARGE:,} conditions, one caller", outcome, _mib(pid)))
    with _ours(database, None) as (target, pid):
        warm(target)
        memory = []
        for part in (0.25, 0.25, 0.5):
            outcome = as_fast_as_possible(
                target("order-sign", part * long_s), callers, part * long_s
            )
            memory.append(_mib(pid))
        lines.append(Line("ours, bundled model, order-sign", outcome, " ".join(memory)))
    return lines, stages


def warm(target: Callable[[str, float], Target]) -> None:
    """A few calls, so that connections are open and tables read."""
    as_fast_as_possible(target("order-sign", 2), 8, 2)


@contextmanager
def _ours(
    database: PostgresServer, command: tuple[str, ...] | None
) -> Iterator[tuple[Callable[[str, float], Target], int]]:
    """Our service in production mode: how it is called, and its first process."""
    signer, url = Signer(key=ec_key(), kid="benchmark"), database.new_database()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upgrade(url)
        settings = production(folder, signer) | {
            "LAMO_DATABASE_URL": url,
            "LAMO_WORKERS": str(os.cpu_count()),
            "LAMO_CLIENT_RATE": "100000",
            "LAMO_CLIENT_IN_FLIGHT": "1000",
            "LAMO_LOG_LEVEL": "warning",
            "LAMO_DEADLINE_MS": "2000",
        }
        running = stack.enter_context(served(folder, command, **settings))

        def target(hook: str, seconds: float) -> Target:
            path = f"/cds-services/lamo-{hook}"
            aud = PUBLIC_URL + path
            most = int(seconds * 400) + 100  # signed before, so that callers cost little
            tokens = iter([f"Bearer {signer.token(aud, **_long())}" for _ in range(most)])
            return Target(
                url=running.url + path,
                bodies=encoded(calls_of(hook)),
                headers=lambda: {"Authorization": next(tokens)},
            )

        yield target, running.pid


def _long() -> dict[str, int]:
    now = int(time.time())
    return {"iat": now, "exp": now + 3600}


def _of_peer(python: str, seconds: float, callers: int) -> Line:
    """The peer, with as many processes, at the one of our hooks that it has."""
    port = free_port()
    words = (python, "-m", "uvicorn", "benchmarks.peer_service:app", "--port", str(port))
    workers = ("--workers", str(os.cpu_count()), "--log-level", "error", "--no-access-log")
    process = subprocess.Popen(
        [*words, *workers], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    url = f"http://127.0.0.1:{port}/cds/cds-services/peer"
    target = Target(url=url, bodies=encoded(calls_of("patient-view")), headers=dict)
    try:
        _wait_for(url)
        as_fast_as_possible(target, callers, 2)
        outcome = as_fast_as_possible(target, callers, seconds)
        return Line("HealthChain, one fixed card, no token, no log", outcome, _mib(process.pid))
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(url: str) -> None:
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"nothing answers at {url}")


def processor_s(pid: int) -> float:
    """Seconds of processor that a process and its children have had."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()  # from the state on
        except OSError:  # it has ended in the meantime
            continue
        if pid in (int(path.parent.name), int(fields[1])):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _mib(pid: int) -> str:
    return f"{resident(pid) / MIB:.0f}"


def _print_rates(lines: list[Line]) -> None:
    click.echo(f"{'':46}{'calls/s':>8}{'p50 ms':>8}{'p95 ms':>8}{'cpu ms':>8}{'MiB':>18}  answers")
    for line in lines:
        out = line.outcome
        spent = f"{line.processor_ms:.1f}" if line.processor_s else ""
        click.echo(
            f"{line.name:46}{out.rate:8.1f}{out.quantile(0.5):8.1f}{out.quantile(0.95):8.1f}"
            f"{spent:>8}{line.memory:>18}  {dict(out.statuses)}"
        )
    click.echo(f"wanted: {WANTED} calls a second with the model stubbed, {AIM} is the aim")


def _print_stages(stages: dict[str, Any]) -> None:
    click.echo(f"\nwhere the time of an order-sign goes at {WANTED // 2} a second, in ms")
    for stage, values in sorted(stages.items(), key=lambda item: -statistics.median(item[1])):
        median, p95 = statistics.median(values), quantile(values, 0.95)
        click.echo(f"  {stage:14}{median:8.2f}  p95 {p95:8.2f}")
    click.echo(f"wanted: p95 of the total under {WANTED_P95_MS} ms")


if __name__ == "__main__":
    main()
