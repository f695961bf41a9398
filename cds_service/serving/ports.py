"""Whether a port can be had, told before anything is made or started."""

import os
import socket

from cds_service.settings import Settings


class PortTaken(Exception):  # noqa: N818 - a situation
    """A port cannot be had; says which, who may have it and what to do."""


def why_not_free(host: str, port: int) -> str | None:
    """Why nobody can listen on a port; None where it is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except socket.gaierror as error:
        return error.strerror
    except OSError as error:  # whose own words name the address once more
        return os.strerror(error.errno or 0)
    return None


def require_port(settings: Settings) -> None:
    """See that the service can listen.

    Raises:
        PortTaken: it cannot.
    """
    why = why_not_free(settings.host, settings.port)
    if why is not None:
        raise PortTaken(
            f"port {settings.port} of {settings.host} cannot be had ({why}), and nothing was "
            "started: end what listens there, perhaps another `lamo-cds serve` (`ss -ltnp` "
            "tells), or choose another HOST or PORT"
        )
