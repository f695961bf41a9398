"""Documents to text within a deadline, in a process that may be lost.

Documents come from outside, and their libraries can be driven to take any time and memory. So all
but plain text is read by a child (`reading_room_child`) with limits of its own; one that is late is
killed, and a spare that was started ahead reads the next document. Nothing that a child sends is
more than bytes and a length.
"""

import os
import selectors
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cds_service.notes.reading_room_child import READ, REPLY, REQUEST, UNREAD
from fhir_mappings.attachments import (
    LARGEST_BYTES,
    LARGEST_TEXT,
    Kind,
    UnreadText,
    kind_of,
    text_of,
)
from lamo.deadline import Deadline

_COMMAND = (sys.executable, "-P", "-m", "cds_service.notes.reading_room_child")
_CHUNK = 2**16  # bytes, as much as a pipe holds
_LATE = "it could not be read in time"
_LOST = "it takes more memory or time to read than is allowed"
_rooms: "weakref.WeakSet[ReadingRoom]" = weakref.WeakSet()


class ReadingRoom:
    """Reads one document at a time for all threads of this process; after a fork, for the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._spare: subprocess.Popen[bytes] | None = None
        _rooms.add(self)

    def text_of(self, data: bytes, content_type: str, deadline: Deadline) -> str:
        """Return the text of a document, as `fhir_mappings.attachments.text_of` does.

        Plain text is read here and now. The first other document starts the child.

        Raises:
            UnreadText: It has no text for us, takes too much to read, or was not read in time.
        """
        if len(data) > LARGEST_BYTES or kind_of(data, content_type) is Kind.TEXT:
            return text_of(data, content_type)
        with self._turn(deadline):
            try:
                outcome, words = self._ask(data, content_type, deadline)
            finally:
                self._keep_spare()
        if outcome == UNREAD:
            raise UnreadText(words)
        return words

    @property
    def child_id(self) -> int | None:
        """The process id of the child that read last; None where the next one is yet to begin."""
        return None if self._child is None else self._child.pid

    @property
    def spare_id(self) -> int | None:
        """The process id of the one that steps in; None before the first document."""
        return None if self._spare is None else self._spare.pid

    def close(self) -> None:
        """End both children; a later document would start others."""
        with self._lock:
            self._end_all()

    def __del__(self) -> None:
        self._end_all()

    def forget(self) -> None:
        """After a fork, in the new process: leave the children to the process that started them."""
        self._lock = threading.Lock()
        for child in (self._child, self._spare):
            if child is not None:
                _close_pipes(child)
                child.returncode = 0  # not ours to wait for
        self._child = self._spare = None

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[None]:
        if not self._lock.acquire(timeout=deadline.left_s()):
            raise UnreadText(_LATE)
        try:
            yield
        finally:
            self._lock.release()

    def _ask(self, data: bytes, content_type: str, deadline: Deadline) -> tuple[int, str]:
        """Have the child read; whatever goes wrong with it, it is ended and the document unread."""
        named = content_type.encode("utf-8", "replace")
        request = REQUEST.pack(len(named), len(data)) + named + data
        answered = False
        try:
            reply = _exchange(self._running(), request, deadline)
            answered = True
            return reply
        except (OSError, EOFError, ValueError) as error:
            raise UnreadText(_LOST) from error
        finally:
            if not answered:
                _end(self._child)
                self._child = None

    def _running(self) -> subprocess.Popen[bytes]:
        for _ in range(2):  # the child, else the spare
            if self._child is not None and self._child.poll() is None:
                return self._child
            _end(self._child)
            self._child, self._spare = self._spare, None
        _end(self._child)
        self._child = _start()
        return self._child

    def _keep_spare(self) -> None:
        with suppress(OSError):  # without one the next document starts a child
            self._spare = self._spare or _start()

    def _end_all(self) -> None:
        _end(self._child)
        _end(self._spare)
        self._child = self._spare = None


def _start() -> subprocess.Popen[bytes]:
    child = subprocess.Popen(  # noqa: S603 - our own module, no shell
        _COMMAND,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        process_group=0,  # Ctrl-C is for the parent
    )
    for number in _pipes(child):
        os.set_blocking(number, False)
    return child


def _end(child: subprocess.Popen[bytes] | None) -> None:
    if child is not None:
        child.kill()
        child.wait()
        _close_pipes(child)


def _pipes(child: subprocess.Popen[bytes]) -> tuple[int, int]:
    """The file numbers of its stdin and stdout."""
    if child.stdin is None or child.stdout is None:
        raise ValueError("the child has no pipes; start it with _start")
    return child.stdin.fileno(), child.stdout.fileno()


def _close_pipes(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


def _exchange(
    child: subprocess.Popen[bytes], request: bytes, deadline: Deadline
) -> tuple[int, str]:
    """Send a request and return its reply, both as fast as the pipes take them.

    Raises:
        UnreadText: The deadline passed.
        OSError, EOFError: The child is gone.
        ValueError: What it sent is no reply.
    """
    unsent, got = memoryview(request), bytearray()
    into, out = _pipes(child)
    with selectors.DefaultSelector() as selector:
        selector.register(into, selectors.EVENT_WRITE)
        selector.register(out, selectors.EVENT_READ)
        while len(got) < _wanted(got):
            ready = selector.select(deadline.left_s())
            if deadline.left_s() == 0:
                raise UnreadText(_LATE)
            for key, _ in ready:
                if key.fd == out:
                    got += _received(out)
                    continue
                unsent = unsent[os.write(into, unsent[:_CHUNK]) :]
                if not unsent:
                    selector.unregister(into)
    return _outcome(got)


def _received(number: int) -> bytes:
    chunk = os.read(number, _CHUNK)
    if not chunk:
        raise EOFError("the child closed its end")
    return chunk


def _wanted(got: bytearray) -> int:
    """How many bytes the reply has, as far as can be told from those that are here."""
    if len(got) < REPLY.size:
        return REPLY.size
    length: int = REPLY.unpack_from(got)[1]
    if length > 4 * LARGEST_TEXT:
        raise ValueError(f"a reply of {length} bytes is longer than any text may be")
    return REPLY.size + length


def _outcome(got: bytearray) -> tuple[int, str]:
    outcome = got[0]
    if outcome not in (READ, UNREAD) or len(got) != _wanted(got):
        raise ValueError(f"a reply begins with {READ} or {UNREAD}, got {outcome}")
    return outcome, got[REPLY.size :].decode()


def _forget_all() -> None:
    for room in list(_rooms):
        room.forget()


os.register_at_fork(after_in_child=_forget_all)
