"""The two ports of a sandbox, which have to be free before anything is started."""

import time

from cds_service.serving.ports import PortTaken, why_not_free

HOST = "127.0.0.1"
POLL_S = 0.1
SANDBOX_OPTION = "--port (with make: SANDBOX_PORT)"
SERVICE_OPTION = "--service-port (with make: PORT)"


def require_free(port: int, service_port: int) -> None:
    """See that nobody listens: another service there would answer in place of ours.

    Raises:
        PortTaken: one of the ports cannot be had, or both.
    """
    if port == service_port:
        raise PortTaken(
            f"port {port} cannot be both: choose another {SANDBOX_OPTION} or {SERVICE_OPTION}"
        )
    asked = [(port, "sandbox", SANDBOX_OPTION), (service_port, "service", SERVICE_OPTION)]
    taken = [(*one, why) for one in asked if (why := why_not_free(HOST, one[0])) is not None]
    if taken:
        found = " and ".join(f"port {port} of the {of} ({why})" for port, of, _, why in taken)
        options = " and ".join(option for _, _, option, _ in taken)
        raise PortTaken(
            f"{found} cannot be had, and nothing was started: end what listens there, perhaps "
            f"another sandbox or `lamo-cds serve` (`ss -ltnp` tells), or choose another {options}"
        )


def wait_until_free(port: int, seconds: float) -> None:
    """Wait for those who have a port to leave it, and only so long."""
    ends_at = time.monotonic() + seconds
    while why_not_free(HOST, port) is not None and time.monotonic() < ends_at:
        time.sleep(POLL_S)
