"""What is outside and does not answer: whoever comes back from it while it hangs had a deadline.

Nothing here hangs for ever. Whoever stays to the end is told something else than that it was late,
or is remembered, so that a test without a working deadline fails and does not hang itself.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

HANG_S = 60.0


class Hang:
    """Something that lasts until the test is over."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self.was_waited_for = False  # by somebody, to the end

    def wait(self) -> None:
        """Return when the test is over."""
        self.was_waited_for |= not self._over.wait(HANG_S)

    def drip(self, send: Callable[[], object]) -> None:
        """Send a little now and then until the test is over: no single read is ever late."""
        ends_at = time.monotonic() + HANG_S
        while not self._over.wait(0.02):
            send()
            if time.monotonic() > ends_at:
                self.was_waited_for = True
                return

    def end(self) -> None:
        """Let go of all who wait."""
        self._over.set()

    def __enter__(self) -> "Hang":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


@contextmanager
def silent_server() -> Iterator[str]:
    """Host and port of one that takes connections, and neither reads nor says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        hanging_up = threading.Timer(HANG_S, server.close)
        hanging_up.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            hanging_up.cancel()
            hanging_up.join()


@contextmanager
def dripping_handshake() -> Iterator[tuple[str, Hang]]:
    """Host and port of one that promises a TLS record of 16 KiB, and sends a byte now and then."""
    hang = Hang()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def shake_hands() -> None:
            with suppress(OSError):  # the client has left, or the test is over
                connection, _address = server.accept()
                with connection:
                    connection.sendall(b"\x16\x03\x03\x40\x00\x02")
                    hang.drip(lambda: connection.sendall(b"\0"))

        thread = threading.Thread(target=shake_hands)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}", hang
        finally:
            hang.end()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
