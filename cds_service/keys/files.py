"""The file of one tenant's keys: made once, rotated, and read by nobody but its owner."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cds_service.keys.ring import KeyRing, new_ring, parse_ring
from cds_service.keys.service import KeysRefused

_MOST_BYTES = 1 << 20  # of a key file: thousands of rotations
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create_key_file(path: Path) -> bool:
    """Make a key file with new keys, readable by its owner only, unless there is a file already.

    Safe when several processes do it at once: one makes it, and nobody ever sees half a file.
    What was sealed under a file that went missing stays closed: keep a backup, apart from those
    of the database.

    Returns:
        Whether this call made it.

    Raises:
        KeysRefused: it cannot be made there.
    """
    return create_file(path, lambda: new_ring().to_text())


def create_file(path: Path, make: Callable[[], str]) -> bool:
    """The same for a file of other keys, with the text that is made when there is none yet."""
    with _reporting_failures(path, "made"):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            return False
        with _written_beside(path, make()) as whole:
            try:
                os.link(whole, path)  # unlike a rename, this never replaces a file
            except FileExistsError:
                return False
        _sync_folder(path.parent)
        return True


def read_key_file(path: Path) -> KeyRing:
    """Read a key file.

    Raises:
        KeysRefused: there is none, others may read it, or it holds no usable keys.
    """
    return parse_ring(read_private_file(path), str(path))


def read_private_file(path: Path) -> str:
    """The text of a file of keys that nobody but its owner may read.

    Raises:
        KeysRefused: there is none, or others may read it.
    """
    with _reporting_failures(path, "read"):
        # not to wait where a pipe stands in its place
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            _refuse_open_file(os.fstat(descriptor).st_mode, path)  # of the file that is read
            content = file.read(_MOST_BYTES)
    return content.decode("ascii", "replace")


def rotate(path: Path) -> str:
    """Add a new tenant key to a key file and make it the current one; all others stay.

    Returns:
        The id of the new key.

    Raises:
        KeysRefused: the file is not usable or cannot be written; then it is as it was.
    """
    with _reporting_failures(path, "rotated"):
        path = path.resolve()  # the file is replaced, not a link to it
        with _locked_folder(path.parent):
            ring = read_key_file(path).rotated()
            _replace(path, ring.to_text())
    return ring.current


def replace_file(path: Path, text: str) -> None:
    """Put another text in the place of a file of keys, whole or not at all, for the same owner.

    Raises:
        KeysRefused: it cannot be written; then it is as it was.
    """
    with _reporting_failures(path, "rotated"):
        _replace(path.resolve(), text)


def _replace(path: Path, text: str) -> None:
    owner = path.stat()
    with _written_beside(path, text) as whole:
        if os.geteuid() == 0:  # root may rotate the keys of the service's own user
            os.chown(whole, owner.st_uid, owner.st_gid)
        whole.replace(path)
    _sync_folder(path.parent)


def _refuse_open_file(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        raise KeysRefused(f"{path}: not a file, wanted a key file: name one")
    if mode & _OTHERS:
        raise KeysRefused(
            f"{path}: found mode {stat.S_IMODE(mode):04o}, wanted 0600, for its owner alone: "
            f"run `chmod 600 {path}`, and rotate the keys if others may have read them"
        )


@contextmanager
def _written_beside(path: Path, text: str) -> Iterator[Path]:
    """A whole, synced file of mode 0600 in the same folder, removed at the end if still there."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    whole = Path(name)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        yield whole
    finally:
        whole.unlink(missing_ok=True)


@contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    """Let those who rotate at once do it one after the other, so that no new key is lost."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reporting_failures(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeysRefused(
            f"{path}: the key file cannot be {done} ({error.strerror}): "
            "name a file that this user may read, in a folder that it may write"
        ) from None
