"""The table of all settings in docs/settings.md, made from the settings themselves."""

from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from cds_service.environment import env_name
from cds_service.settings import Settings


def table() -> str:
    """Every setting as a row in Markdown: its variable, its default, and what is accepted."""
    rows = [
        f"| `{env_name(name)}` | {_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | what it is |", "|---|---|---|", *rows]) + "\n"


def _default(field: FieldInfo) -> str:
    known = {"var_dir": Path("/VAR_DIR")}  # absolute, or it would be made so
    value: Any = field.get_default(call_default_factory=True, validated_data=known)
    if isinstance(value, tuple):
        value = " ".join(map(str, value))
    if isinstance(value, bool):
        value = str(value).lower()
    return str(value).replace("/VAR_DIR", "VAR_DIR") if value not in (None, "") else "none"
