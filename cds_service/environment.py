"""The one reader of the environment: settings that can be used, or every fault at once."""

import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cds_service.settings import PREFIX, Settings

TEST_PREFIX = "LAMO_TEST_"  # read by the tests, never by the service


class SettingsError(Exception):
    """The environment is wrong. Lists every bad setting with what is accepted."""


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: some are wrong or unknown; lists them all.
    """
    faults = _unknown(environment)
    try:
        settings = Settings()
        faults += _of_no_note_model(settings) + _of_half_a_provider(settings)
    except ValidationError as error:
        faults += [
            _fault(detail)
            for detail in error.errors()
            if detail["type"] != "default_factory_not_called"  # follows from another fault
        ]
    if faults:
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise SettingsError(f"the environment has settings that cannot be used:\n{lines}")
    return settings


def env_name(field: str) -> str:
    """The environment variable that sets a field."""
    plain = ("host", "port", "var_dir")
    return field.upper() if field in plain else f"{PREFIX}{field.upper()}"


def _unknown(environment: Mapping[str, str]) -> list[str]:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    ours = (name for name in environment if name.startswith(PREFIX))
    strange = sorted(name for name in ours if not name.startswith(TEST_PREFIX))
    return [
        f"{name}: found a setting of no known name, wanted one of {', '.join(sorted(known))}"
        for name in strange
        if name not in known
    ]


def _of_no_note_model(settings: Settings) -> list[str]:
    """What is said of a note model that there is not: it would be ignored without a word."""
    if settings.notes_url is not None:
        return []
    said = ("notes_model", "notes_key", "notes_hosts", "notes_ca_file")
    return [
        f"{env_name(name)}: found without {env_name('notes_url')}, wanted both, or neither to "
        "read notes by rules alone"
        for name in said
        if getattr(settings, name)
    ]


def _of_half_a_provider(settings: Settings) -> list[str]:
    """What is missing of an identity provider: half of one signs nobody in."""
    names = ("oidc_issuer", "oidc_client_id", "oidc_client_secret")
    missing = [name for name in names if getattr(settings, name) is None]
    if len(missing) in (0, len(names)):
        return []
    needed = f"wanted {', '.join(map(env_name, names))} together, or none of them"
    return [f"{env_name(name)}: found nothing, {needed}" for name in missing]


def _fault(detail: Any) -> str:
    """One line about one bad setting. A database URL may hold a password and is not repeated."""
    name = str(detail["loc"][0]).removeprefix(PREFIX).lower()
    is_secret = "url" in name or "SecretStr" in str(Settings.model_fields[name].annotation)
    found = "a value of another form" if is_secret else repr(detail["input"])
    return f"{env_name(name)}: found {found}, wanted {Settings.model_fields[name].description}"
