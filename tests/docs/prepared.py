"""A service that has answered some calls, for the commands of the documents to be tried on."""

import json
import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
from click.testing import CliRunner, Result

from cds_service.cli import main
from tests.docs.pages import ROOT
from tests.served import Served
from tests.waiting import wait_until

CLIENT = "anonymous"  # as events name callers of a sandbox
NOTE = (
    "Discharge summary\n\nAllergies: penicillin (hives)\n\nHome medications:\n- lisinopril 10 mg\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What has happened, and where it stands."""

    url: str
    folder: Path  # VAR_DIR, which the service goes on to use
    values: Mapping[str, str]  # what to write where a document has a word in capitals

    def copied(self, into: Path) -> Path:
        """A VAR_DIR with the same database and keys, which nothing else uses."""
        into.mkdir()
        for file in self.folder.glob("*.json*"):
            shutil.copy(file, into)
        with (
            sqlite3.connect(self.folder / "audit.db") as here,
            sqlite3.connect(into / "audit.db") as there,
        ):
            here.backup(there)
        return into


def prepare(service: Served, folder: Path, files: Path) -> Prepared:
    """Make calls of every example, report on a card, and hand out what commands are to read."""
    call = json.loads((ROOT / "examples" / "order-sign.json").read_text("utf-8"))
    answers = [_post(service, example) for example in ("patient-view", "order-select")]
    answers.append(_post(service, "order-sign"))
    card = answers[-1].json()["cards"][0]
    report = {
        "card": card["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": "2026-11-26T00:00:00Z",
    }
    told = requests.post(
        f"{service.url}/cds-services/lamo-order-sign/feedback",
        json={"feedback": [report]},
        timeout=60,
    )
    told.raise_for_status()
    (files / "note.txt").write_text(NOTE, "utf-8")
    receipt = answers[-1].headers["Lamo-Audit-Receipt"]
    _wait_for_place(receipt.split(".")[1], folder)
    shutil.copy(folder / "heads.jsonl", files)  # older than the bundle, so that it has them all
    for command in (
        ["audit", "export", "--out", str(files / "bundle.jsonl")],
        ["accounts", "add", "anna.keller", "--role", "administrator"],  # so that another may go
    ):
        assert run(command, folder).exit_code == 0
    values = {
        "EVENT_ID": receipt.split(".")[1],
        "NAME": CLIENT,
        "ID": call["context"]["patientId"],
        "FILE": str(files / "bundle.jsonl"),
        "NOTE": str(files / "note.txt"),
        "KEY": run(["audit", "key"], folder).output.splitlines()[0],
        "HEADS": str(files / "heads.jsonl"),
        "RECEIPT": receipt,
        "TEXT": "a check of the documents",
        "PERSON": "maria.lopez",
        "ROLE": "reviewer",
        "CARD": card["uuid"],
    }
    return Prepared(url=service.url, folder=folder, values=values)


def run(words: list[str], folder: Path) -> Result:
    """Run a command of ours as a person does, with its VAR_DIR; "y" answers what it asks."""
    return CliRunner().invoke(main, words, input="y\n", env={"VAR_DIR": str(folder)})


def _wait_for_place(event_id: str, folder: Path) -> None:
    """The service gives an event its place within a second or two."""
    wait_until(lambda: run(["audit", "prove", event_id], folder).exit_code == 0)


def _post(service: Served, example: str) -> requests.Response:
    body = (ROOT / "examples" / f"{example}.json").read_bytes()
    media = {"Content-Type": "application/json"}
    answer = requests.post(
        f"{service.url}/cds-services/lamo-{example}", data=body, headers=media, timeout=60
    )
    answer.raise_for_status()
    return answer
