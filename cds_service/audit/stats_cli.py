"""`lamo-cds audit stats`: what the log comes to."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from cds_service.audit.exports.cli import since_option, span_of, until_option
from cds_service.audit.exports.rows import read_events
from cds_service.audit.place import Place, refusals
from cds_service.audit.snapshot import snapshot
from cds_service.audit.stats import count_all, tree_state
from cds_service.audit.text import printable
from cds_service.manners import Teller, json_option


@click.command("stats")
@since_option
@until_option
@json_option
@click.pass_obj
def stats(place: Place, since: datetime | None, until: datetime | None, tell: Teller) -> None:
    """Count events, cards and feedback, and tell stage times and the state of the tree."""
    with refusals():
        span = span_of(since, until)
        with snapshot(place.reader_url) as connection:
            counted = count_all(read_events(connection, span, None), span)
            told = {**counted.told(), "head": tree_state(connection, int(time.time() * 1000))}
    tell(*_lines(told), **told)


def _lines(told: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in told.items():
        label = f"{indent}{printable(name)}"
        if not isinstance(value, Mapping):
            yield f"{label:<34}{'-' if value is None else value}"
        elif all(not isinstance(one, Mapping) for one in value.values()) and "p95" in value:
            yield f"{label:<34}p50 {value['p50']:g}, p95 {value['p95']:g}"
        else:
            yield f"{label}"
            yield from _lines(value, f"{indent}  ") if value else iter([f"{indent}  none"])
