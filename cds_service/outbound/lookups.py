"""Looking up names in time: getaddrinfo cannot be told when to stop, so nobody waits inside it."""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from ipaddress import ip_address
from threading import Lock, Thread

from cds_service.outbound.addresses import Address
from cds_service.outbound.errors import ReadFailed, ServerDown
from lamo.deadline import Deadline

MOST = 16  # names that are being looked up at once, in a process
SHARE = 0.8  # of the time that is left: whoever waits learns why before the time is over

Resolve = Callable[[str], Sequence[str]]  # a name to all of its IP addresses; OSError for none


def system_resolve(host: str) -> tuple[str, ...]:
    """All addresses of a name, as this machine is set up to find them."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(str(address[0]) for *_, address in found)


class Lookups:
    """Looks each name up in a thread of its own, which those who wait for it share.

    The threads are daemons: one that is stuck in the resolver holds up no exit.
    """

    def __init__(self, resolve: Resolve = system_resolve) -> None:
        self._resolve = resolve
        self._running: dict[str, Future[tuple[Address, ...]]] = {}
        self._lock = Lock()

    def __call__(self, host: str, deadline: Deadline) -> tuple[Address, ...]:
        """The addresses of a name.

        Raises:
            ServerDown: there are none, or they were not found in time.
        """
        found = self._shared(host)
        try:
            return found.result(timeout=deadline.share(SHARE).left_s())
        except TimeoutError:
            raise ServerDown("has a name that was not looked up in time") from None
        except OSError:
            raise ServerDown("has a name that is not known") from None

    def _shared(self, host: str) -> Future[tuple[Address, ...]]:
        with self._lock:
            if host not in self._running:
                if len(self._running) >= MOST:
                    raise ReadFailed("was not looked up: too many names are being looked up")
                self._running[host] = Future()
                args = (host, self._running[host])
                Thread(target=self._look_up, args=args, name="lookup", daemon=True).start()
            return self._running[host]

    def _look_up(self, host: str, found: Future[tuple[Address, ...]]) -> None:
        try:
            found.set_result(tuple(ip_address(one) for one in self._resolve(host)))
        except (OSError, ValueError) as error:  # ValueError: a name that IDNA cannot take
            found.set_exception(OSError(f"not looked up: {type(error).__name__}"))
        finally:
            with self._lock:
                del self._running[host]
