"""Processes of this machine, as /proc tells of them."""

from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that the first thread of a process started, oldest first."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    """Whether it runs: one that nobody has reaped yet does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
