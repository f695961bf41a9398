"""A hook call from a file, and its cards for a person to read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import requests

COLOURS = {"critical": "red", "warning": "yellow", "info": "blue"}
TIMEOUT_S = 60


def run_demo(url: str, file: Path) -> None:
    """Post the call to the service that answers its hook, and print what comes back."""
    base = url.rstrip("/")
    call = json.loads(file.read_text(encoding="utf-8")) | {"hookInstance": str(uuid4())}
    try:
        service_id = _service_for(call["hook"], base)
        answer = requests.post(f"{base}/cds-services/{service_id}", json=call, timeout=TIMEOUT_S)
    except requests.RequestException as error:
        raise click.ClickException(
            f"no answer from {base} ({type(error).__name__}); start it with `lamo-cds serve`"
        ) from None
    click.echo(f"{file.name} -> {service_id}: {answer.status_code}, {_ms(answer)} ms")
    if answer.status_code != 200:
        raise click.ClickException(_diagnostics(answer.json()))
    print_cards(answer.json()["cards"])


def print_cards(cards: list[dict[str, Any]]) -> None:
    """Print cards; colours only reach a terminal."""
    if not cards:
        click.echo("No cards: everything was checked and nothing was found.")
    for number, card in enumerate(cards, start=1):
        indicator = card["indicator"]
        label = click.style(indicator.upper(), fg=COLOURS.get(indicator), bold=True)
        click.echo(f"\n{number}. {label}  {click.style(_plain(card['summary']), bold=True)}")
        for line in _plain(card.get("detail", ""), keep_lines=True).splitlines():
            click.echo(f"   {line}")
        for suggestion in card.get("suggestions", ()):
            click.echo(f"   -> {_plain(suggestion['label'])}")
        click.echo(f"   source: {_plain(card['source']['label'])}")


def _service_for(hook: str, base: str) -> str:
    answer = requests.get(f"{base}/cds-services", timeout=TIMEOUT_S)
    if answer.status_code != 200:
        raise click.ClickException(
            f"{base} answered discovery with {answer.status_code}: {_diagnostics(answer.json())}"
        )
    listed = answer.json()["services"]
    for service in listed:
        if service["hook"] == hook:
            return str(service["id"])
    raise click.ClickException(f"{base} offers no service for the hook '{hook}' of the file")


def _ms(answer: requests.Response) -> int:
    return round(answer.elapsed.total_seconds() * 1000)


def _diagnostics(outcome: Mapping[str, Any]) -> str:
    return "\n".join(_plain(str(issue.get("diagnostics"))) for issue in outcome.get("issue", ()))


def _plain(text: str, *, keep_lines: bool = False) -> str:
    """Text without control characters, which could steer the terminal."""
    kept = "\n" if keep_lines else ""
    return "".join(letter for letter in text if letter.isprintable() or letter in kept)
