"""From the settings to the keys, which nothing may replace while something is encrypted by them."""

from pathlib import Path

from sqlalchemy import Connection, func, inspect, select, table

from cds_service.audit.database import is_made, open_engine, reporting_failures
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.files import create_key_file
from cds_service.keys.service import KeyService, KeysRefused
from cds_service.settings import Settings

SEALED = {
    "patient": "patients",
    "period": "months",
    "note_digest": "digests of notes",
    "account": "accounts",
}


def build_keys(settings: Settings) -> KeyService:
    """The keys of the settings; the file is made where there is none."""
    if settings.keys is not None:
        return FileKeys.from_text(settings.keys.get_secret_value(), "LAMO_KEYS")
    path = key_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    create_key_file(path)
    return FileKeys.from_file(path)


def keys_at_hand(settings: Settings) -> KeyService:
    """As `build_keys`, where other keys than those of the database would do harm.

    Raises:
        KeysRefused: the key file is gone, and the database holds what was encrypted under its keys.
    """
    refuse_lost(settings)
    return build_keys(settings)


def refuse_lost(settings: Settings) -> None:
    """Return unless a new key file would take the place of one that is gone. Makes none.

    Raises:
        KeysRefused: the key file is gone, and the database holds what was encrypted under its keys.
    """
    if settings.keys is None and not key_file(settings).exists():
        _refuse_sealed(settings)


def keys_if_any(settings: Settings) -> KeyService | None:
    """The keys of the settings; None where there are none. Makes no file."""
    if settings.keys is None and not key_file(settings).exists():
        return None
    return build_keys(settings)


def key_file(settings: Settings) -> Path:
    """Where the keys stand that no environment variable gives."""
    return settings.var_dir / "keys.json"


def _refuse_sealed(settings: Settings) -> None:
    if not is_made(settings.database_url):
        return
    engine = open_engine(settings.database_url, read_only=True)
    try:
        with reporting_failures(), engine.begin() as connection:
            counts = _counts(connection)
    finally:
        engine.dispose()
    if counts:
        held = ", ".join(f"{count} {SEALED[name]}" for name, count in counts.items())
        raise KeysRefused(
            f"{key_file(settings)}: there is no key file, and the database holds {held} that were "
            "encrypted under its keys: put it back from its backup, or name the folder of the "
            "service in VAR_DIR; digests of notes alone can be given up with "
            "`lamo-cds notes forget --all`"
        )


def _counts(connection: Connection) -> dict[str, int]:
    there = set(inspect(connection).get_table_names())
    counts = {
        name: connection.execute(select(func.count()).select_from(table(name))).scalar_one()
        for name in SEALED
        if name in there
    }
    return {name: count for name, count in counts.items() if count}
