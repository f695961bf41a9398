"""What the doctor found: how it stands, and what to mend."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail", "n/a"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    level: Level  # n/a: does not apply here, or cannot be told from outside
    found: str
    mend: str = ""  # what to do; empty where there is nothing


def ok(found: str) -> Finding:
    """It is as it has to be."""
    return Finding(level="ok", found=found)


def warn(found: str, mend: str) -> Finding:
    """It works, and somebody ought to look at it."""
    return Finding(level="warn", found=found, mend=mend)


def fail(found: str, mend: str) -> Finding:
    """Calls will not work so, or not safely."""
    return Finding(level="fail", found=found, mend=mend)


def not_told(found: str, mend: str = "") -> Finding:
    """It does not apply, or was not asked for; `mend` says how to have it looked at."""
    return Finding(level="n/a", found=found, mend=mend)
