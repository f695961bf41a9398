"""The connections of one call: to checked addresses only, and ended when its time is over.

A socket timeout alone does not stop a server that sends a byte now and then, so every connection
of a call can be shut from outside.
"""

import socket
from threading import Lock

from cds_service.outbound.addresses import Address
from cds_service.outbound.errors import LATE, UNREACHED, ServerDown
from cds_service.outbound.guard import Guard
from lamo.deadline import Deadline

MOST_TRIED = 4  # addresses of one name


class Dialer:
    """Opens the connections of one call, and shuts those of this call when its time is over."""

    def __init__(self, guard: Guard, deadline: Deadline) -> None:
        self._guard = guard
        self._deadline = deadline
        self._handles: list[socket.socket] = []
        self._is_over = False
        self._lock = Lock()

    def dial(self, host: str, port: int) -> socket.socket:
        """Connect to an address that was looked up and checked just now, and to no other.

        Raises:
            ReadFailed: no address may be, or could be, connected to.
        """
        addresses = self._guard.addresses(host, self._deadline)[:MOST_TRIED]
        for untried, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                return self._noted(self._connected(address, port, untried))
            except OSError:
                continue  # a name may have addresses that this machine has no way to
        raise ServerDown(UNREACHED if self._deadline.left_s() else LATE)

    def shut(self) -> None:
        """End every exchange that is still going on; whoever waits for it is woken by an error."""
        with self._lock:
            self._is_over = True
            for handle in self._handles:
                _shut(handle)

    def _connected(self, address: Address, port: int, untried: int) -> socket.socket:
        """One of several silent addresses may take its share of the time alone."""
        timeout = self._deadline.left_s() / untried
        connected = socket.create_connection((str(address), port), timeout)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def _noted(self, connected: socket.socket) -> socket.socket:
        """Keep a second handle: TLS takes the first one apart while it shakes hands."""
        with self._lock:
            self._handles.append(connected.dup())
            if self._is_over:
                _shut(self._handles.pop())
        return connected


def _shut(handle: socket.socket) -> None:
    with handle:
        try:
            handle.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended already
