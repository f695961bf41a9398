"""`lamo-cds audit`: sequencing the log, verifying it, and handing out evidence."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cds_service.audit.bundle import prove
from cds_service.audit.checkpoint import NoteRefused, PublicKey
from cds_service.audit.drill import run_drill
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.log import EventUnknown
from cds_service.audit.place import Place
from cds_service.audit.rotating import rotate_signing_key
from cds_service.audit.sequencer import run_sequencer, sequence_all
from cds_service.audit.snapshot import snapshot
from cds_service.audit.verify import Asked, verify_log
from cds_service.keys.service import KeysRefused
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile
from cds_service.logs import configure_logs
from cds_service.manners import Teller, json_option, watched
from cds_service.refusing import refusing

Command = Callable[..., None]
in_folder = click.option(
    "--var-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the signing key and the exported heads are. Default: VAR_DIR.",
)
with_key = click.option(
    "--key", metavar="NAME+ID+KEY", help="The log's first key. Default: of the file in VAR_DIR."
)
_refusing = refusing(lambda: (EventUnknown, KeysRefused, NoteRefused, ValueError, OSError))


def add_commands(group: click.Group) -> None:
    """Add the commands of this module to `lamo-cds audit`."""
    for command in (sequence, verify, prove_command, drill, key_command, rotate):
        group.add_command(command)


@click.command()
@click.option("--once", is_flag=True, help="Sequence and sign what waits, and end.")
@in_folder
@json_option
@click.pass_obj
@_refusing
def sequence(place: Place, once: bool, var_dir: Path | None, tell: Teller) -> None:
    """Give events their place in the tree, and sign it. The service does so by itself."""
    folder = var_dir or place.settings.var_dir
    database_url = place.sequencer_url  # refused before a key is made
    configure_logs(place.settings.log_level)  # signed heads are kept in logs, too
    SigningFile(folder / SIGNING_FILE).create()
    if not once:
        run_sequencer(database_url, folder, threading.Event())
        return
    added = sequence_all(database_url, folder)
    told = "another sequencer is at work" if added is None else f"{added} events got their place"
    tell(f"ok: {told}", sequenced=added)


@click.command()
@in_folder
@with_key
@click.option("--heads", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--receipt", "receipts", multiple=True, help="A receipt, or a file with one a line.")
@click.option("--quick", is_flag=True, help="Without reading what the events say.")
@json_option
@click.pass_obj
@_refusing
def verify(
    place: Place,
    var_dir: Path | None,
    key: str | None,
    heads: Path | None,
    tell: Teller,
    **asked: Any,
) -> None:
    """Verify the whole log, say which check failed and where, and exit with 1 then."""
    folder = var_dir or place.settings.var_dir
    kept = folder / HEADS_FILE
    found = verify_log(
        place.reader_url,
        Asked(
            first_key=first_key_of(key, folder),
            exported=heads or (kept if kept.exists() else None),
            receipts=[line for text in asked["receipts"] for line in _receipt_lines(text)],
            is_quick=asked["quick"],
            keys=place.keys,
        ),
        watched,
    )
    tell(*found.lines(), f"{found.events} events, {found.heads} heads", **found.to_json())
    if not found.is_ok:
        raise SystemExit(1)


@click.command("prove")
@click.argument("event_id")
@click.pass_obj
@_refusing
def prove_command(place: Place, event_id: str) -> None:
    """Print the proof that an event stands under the newest signed head."""
    with snapshot(place.reader_url) as connection:
        click.echo(json.dumps(prove(connection, event_id), indent=2, ensure_ascii=False))


@click.command()
@in_folder
@json_option
@click.pass_obj
@_refusing
def drill(place: Place, var_dir: Path | None, tell: Teller) -> None:
    """Tamper with copies of the log in every way that is foreseen, and say what caught it."""
    folder = var_dir or place.settings.var_dir
    counted: Counter[str] = Counter()
    for result in run_drill(place.reader_url, folder):
        counted[result.outcome] += 1
        tell(result.line(), **result.to_json())
    if not tell.as_json:
        click.echo(", ".join(f"{counted[one]} {one}" for one in ("caught", "skipped", "missed")))
    if counted["missed"]:
        raise SystemExit(1)


@click.command("key")
@in_folder
@json_option
@click.pass_obj
@_refusing
def key_command(place: Place, var_dir: Path | None, tell: Teller) -> None:
    """Print the log's keys; whoever verifies it needs the first, and from elsewhere than here."""
    for key in SigningFile((var_dir or place.settings.var_dir) / SIGNING_FILE).read().keys:
        tell(key.to_text(), key=key.to_text())


@click.command("rotate-key")
@in_folder
@json_option
@click.pass_obj
@_refusing
def rotate(place: Place, var_dir: Path | None, tell: Teller) -> None:
    """Sign a head that names a new key with the old one, and sign with the new one from then on."""
    signing = SigningFile((var_dir or place.settings.var_dir) / SIGNING_FILE)
    new = rotate_signing_key(place.owner_url, place.needed_keys, signing)
    line = f"ok: heads and receipts are signed with {new} now; copy the file to other hosts"
    tell(line, key=new)


def first_key_of(text: str | None, folder: Path) -> PublicKey:
    """The log's first key: the one that is named, else that of the folder's file."""
    if text is not None:
        return PublicKey.from_text(text)
    return SigningFile(folder / SIGNING_FILE).read().keys[0]


def _receipt_lines(text: str) -> list[str]:
    path = Path(text)
    if len(text) < 250 and path.is_file():  # no longer than the name of a file may be
        return path.read_text(encoding="utf-8").split()
    return [text]
