"""requests, made to connect where a guard says."""

import socket
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from cds_service.outbound.dialer import Dialer
from cds_service.outbound.guard import Guard


class _Connection(HTTPConnection):
    def __init__(self, dialer: Dialer, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dialer = dialer

    def _new_conn(self) -> socket.socket:
        return self._dialer.dial(self.host, self.port)


class _SecureConnection(HTTPSConnection):
    """Asks for the certificate of the name, whichever address was dialled."""

    def __init__(self, dialer: Dialer, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dialer = dialer

    def _new_conn(self) -> socket.socket:
        return self._dialer.dial(self.host, self.port)


class _Adapter(HTTPAdapter):
    def __init__(self, guard: Guard, dialer: Dialer) -> None:
        self._guard = guard
        self._dialer = dialer
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._guard.tls, **kwargs)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to set: the guard's context verifies, and requests would read its file again."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        kind = _SecureConnection if pool.scheme == "https" else _Connection
        pool.ConnectionCls = partial(kind, self._dialer)
        return pool


def new_session(guard: Guard, dialer: Dialer) -> requests.Session:
    """A session for one call."""
    session = requests.Session()
    guard_session(session, guard, dialer)
    return session


def guard_session(session: requests.Session, guard: Guard, dialer: Dialer) -> None:
    """Make a session, also one of a library, connect where the guard says and nowhere else."""
    session.trust_env = False  # a .netrc would replace the token, a proxy would see it
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Accept-Encoding"] = "identity"  # what is small on the wire stays small here
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(guard, dialer))
