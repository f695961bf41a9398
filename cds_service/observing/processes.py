"""Several processes, one set of counts: each counts in files of its own, in a folder of all.

prometheus_client learns the folder from the environment, once, when it is imported. It never lets
go of the file of a process that has ended, since its counts must not be lost; a worker is replaced
every so many calls, so these files are added up here into one.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # written here, read by prometheus_client
ENDED = "ended"  # stands where the id of a process would


def counts_folder(var_dir: Path) -> Path:
    """Where the counts of all processes meet."""
    return var_dir / "metrics"


def share_counts(var_dir: Path) -> None:
    """Make the folder anew and have everything counted in it, from this process on down.

    Raises:
        RuntimeError: prometheus_client was imported before, and would not share.
    """
    if "prometheus_client" in sys.modules:
        raise RuntimeError("prometheus_client is imported already: call share_counts before that")
    folder = counts_folder(var_dir).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    os.environ[VARIABLE] = str(folder)


def worker_left(pid: int, folder: Path) -> None:
    """Keep what an ended process has counted, and forget what it had in hand.

    Args:
        pid: of the process.
        folder: where the counts of all processes meet.
    """
    from prometheus_client.multiprocess import mark_process_dead

    with _locked(folder, fcntl.LOCK_EX):
        mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
        for kind in ("counter", "histogram"):
            left = folder / f"{kind}_{pid}.db"
            if left.exists():
                _add(left, folder / f"{kind}_{ENDED}.db")


@contextmanager
def read_locked(folder: Path) -> Iterator[None]:
    """Read while no file is being added to another: a count must never be seen to fall."""
    with _locked(folder, fcntl.LOCK_SH):
        yield


def _add(left: Path, total: Path) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    sums = MmapedDict(str(total))  # type: ignore[no-untyped-call]
    for key, value, _, _ in MmapedDict.read_all_values_from_file(str(left)):  # type: ignore[no-untyped-call]
        sums.write_value(key, sums.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
    sums.close()  # type: ignore[no-untyped-call]
    left.unlink()


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    with (folder / "lock").open("rb") as lock:
        fcntl.flock(lock, how)  # closing the file lets go of it
        yield
