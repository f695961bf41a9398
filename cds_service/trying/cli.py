"""`lamo-cds demo`, `sandbox tour` and `sandbox replay`: hook calls, and their cards to read."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cds_service.manners import Teller, json_option
from cds_service.refusing import refusing

if TYPE_CHECKING:  # imports requests, and help has to be instant
    from cds_service.cds_client.answer import Json
    from cds_service.cds_client.client import CdsClient
    from cds_service.trying.replay import Replayed
    from cds_service.trying.tour import Stop, Stopped

_url = click.option(
    "--url", default="http://127.0.0.1:8080", show_default=True, help="Base URL of the service."
)
_file = click.Path(exists=True, path_type=Path)


def _refusals() -> tuple[type[Exception], ...]:
    from cds_service.cds_client.client import CallFailed

    return CallFailed, ValueError


@click.command()
@_url
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@refusing(_refusals)
def demo(url: str, file: Path, tell: Teller) -> None:
    """Post the hook call in FILE and print its cards."""
    from cds_service.trying.replay import recordings_in

    client, find = _open(url)
    for recording in recordings_in(file):
        replayed = _replayed(recording, client, find)
        _tell(replayed, tell)
        if replayed.answer.status != 200:
            raise SystemExit(1)


@click.command()
@_url
@click.option(
    "--examples",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("examples"),
    show_default=True,
    help="The folder of the documented examples.",
)
@click.option("--patients-only", is_flag=True, help="Leave the examples out.")
@json_option
@refusing(_refusals)
def tour(url: str, examples: Path, patients_only: bool, tell: Teller) -> None:
    """Fire the examples and the sandbox's patients, and check that their cards come.

    It takes a service in sandbox mode with the bundled model and the shipped card policy.
    """
    from cds_service.trying.tour import example_stops, patient_stops

    client, find = _open(url)
    stops = [] if patients_only else list(example_stops(examples))
    stops += patient_stops(find)
    if not _visit_all(stops, client, find, tell):
        raise SystemExit(1)


@click.command()
@_url
@click.argument("recording", type=_file)
@click.option("--fhir", "fhir_base", metavar="BASE", help="In place of the recorded fhirServer.")
@click.option(
    "--record",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the calls with their answers there, to be compared by a later replay.",
)
@json_option
@refusing(_refusals)
def replay(
    url: str, recording: Path, fhir_base: str | None, folder: Path | None, tell: Teller
) -> None:
    """Post a recorded hook call, or every one of a folder, with a hookInstance of its own.

    A RECORDING is a JSON file with a hook call, or with one as `body` and its answer as
    `response`; what differs from that answer is told.
    """
    from cds_service.trying.replay import record, recordings_in

    client, find = _open(url)
    is_ok = True
    for one in recordings_in(recording):
        replayed = _replayed(one, client, find, fhir_base)
        is_ok = is_ok and replayed.is_ok
        if folder is not None:
            record(replayed, folder)
        _tell(replayed, tell)
    if not is_ok:
        raise SystemExit(1)


def _open(url: str) -> "tuple[CdsClient, Callable[[str], Json]]":
    """A client of the service, and what that has for a hook, asked for once each."""
    from functools import cache

    from cds_service.cds_client.client import client_at

    client = client_at(url)
    return client, cache(client.service_for)


def _replayed(
    recording: Any, client: "CdsClient", find: "Callable[[str], Json]", fhir: str | None = None
) -> "Replayed":
    from cds_service.trying.replay import replay

    return replay(recording, client, find, fhir_base=fhir)


def _tell(replayed: "Replayed", tell: Teller) -> None:
    tell(*_lines(replayed), **replayed.to_json())
    answer = replayed.answer
    if answer.status != 200:
        click.echo(f"Error: {answer.diagnostics or 'refused without a reason'}", err=True)


def _lines(replayed: "Replayed") -> Iterator[str]:
    from cds_service.trying.story import card_lines

    answer = replayed.answer
    head = f"{replayed.recording.name} -> {replayed.service_id}: {answer.status}"
    yield f"{head}, {answer.ms:.0f} ms"
    if answer.status == 200:
        yield from card_lines(answer.cards)
    for difference in replayed.differences:
        yield click.style("differs: ", fg="yellow") + difference


def _visit_all(
    stops: "Iterable[Stop]", client: "CdsClient", find: "Callable[[str], Json]", tell: Teller
) -> bool:
    """Whether every stop showed what it is there to show."""
    from cds_service.trying.tour import visit

    seen = [visit(stop, client, find) for stop in stops]
    for number, one in enumerate(seen, start=1):
        tell(*_of_stop(number, one), **one.to_json())
    good = sum(one.is_ok for one in seen)
    if not tell.as_json:
        click.echo(f"\n{good} of {len(seen)} stops are as they have to be")
    return good == len(seen)


def _of_stop(number: int, one: "Stopped") -> Iterator[str]:
    from cds_service.trying.story import headline

    yield f"\n{number}. {click.style(one.stop.title, bold=True)}  {one.stop.shows}"
    for card in one.answer.cards:
        yield f"   {headline(card)}"
    mark = click.style("ok", fg="green") if one.is_ok else click.style("not so", fg="red")
    yield f"   {mark}: {one.verdict} ({one.answer.ms:.0f} ms)"
