"""Is a service running over this VAR_DIR, and can it be told to look again?

The first process holds a lock of the kernel on a file, which ends with the process, however that
ends. The kernel tells who holds it: a number in a file may be another process's by now.
"""

import fcntl
import os
import signal
import struct
from contextlib import suppress
from pathlib import Path
from typing import IO, Literal

FILE = "service.lock"
_FLOCK = "hhqqi4x"  # struct flock of 64-bit Linux: type, whence, start, length, process

Told = Literal["told", "not running", "not ours"]


def hold(var_dir: Path) -> IO[bytes]:
    """Say that a service runs, for as long as the file is open and this process lives."""
    held = (var_dir / FILE).open("wb")
    with suppress(OSError):  # another service over the same folder is the one that is told
        fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return held


def tell(var_dir: Path) -> Told:
    """Have the running service read the choice of models again, by SIGHUP.

    Returns:
        "not ours" where it is another user's, or in another container.
    """
    try:
        with (var_dir / FILE).open("r+b") as asked:
            query = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, *_, pid = struct.unpack(_FLOCK, fcntl.fcntl(asked, fcntl.F_GETLK, query))
    except FileNotFoundError:
        return "not running"
    except PermissionError:
        return "not ours"
    if kind == fcntl.F_UNLCK:
        return "not running"
    if pid <= 0:
        return "not ours"
    try:
        os.kill(pid, signal.SIGHUP)
    except PermissionError:
        return "not ours"
    return "told"
