"""A folder with a signing key beside an audit database, and what is sequenced into it."""

from pathlib import Path

import pytest

from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.log import AuditLog
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.verify import Asked, verify_log
from cds_service.keys.signing import FILE, SigningFile
from tests.cds_service.audit.test_entries import decision, error


@pytest.fixture
def var_dir(tmp_path: Path) -> Path:
    """A folder as the service has it, with a signing key."""
    folder = tmp_path / "var"
    SigningFile(folder / FILE).create()
    return folder


@pytest.fixture
def asked(var_dir: Path) -> Asked:
    """A verification by the log's first key."""
    return Asked(first_key=SigningFile(var_dir / FILE).read().keys[0])


def fill(log: AuditLog, url: str, folder: Path, events: int) -> None:
    """Write events and sequence them."""
    for number in range(events):
        if number % 5:
            log.append_decision(decision())
        else:
            log.append_error(error())
    assert sequence_all(url, folder) is not None


def failed_checks(url: str, folder: Path) -> list[str]:
    """The checks that fail, against the heads that the folder has."""
    key = SigningFile(folder / FILE).read().keys[0]
    return list(verify_log(url, Asked(first_key=key, exported=folder / HEADS_FILE)).failed)
