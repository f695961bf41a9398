"""What production mode wants before it starts: it refuses to start half-configured."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from cds_service.clients.listed import Listed
from cds_service.settings import Settings


class HalfConfigured(Exception):  # noqa: N818 - a situation, named as such
    """The service is not ready for production; lists all that is missing."""


def check_production(settings: Settings, *, is_demonstration: bool) -> None:
    """Return when nothing is missing but clients, or in sandbox mode.

    Raises:
        HalfConfigured: something is; says what to do about each.
    """
    _refuse(settings, _of_production(settings, is_demonstration))


def check_clients(settings: Settings, listed: Iterable[Listed]) -> None:
    """Return when clients may call, or in sandbox mode.

    Raises:
        HalfConfigured: none may, or two cannot be told apart; says what to do.
    """
    _refuse(settings, _of_clients(tuple(listed)))


def _refuse(settings: Settings, faults: Iterator[str]) -> None:
    if settings.is_production and (told := tuple(faults)):
        lines = "\n".join(f"  {fault}" for fault in told)
        raise HalfConfigured(f"LAMO_MODE=production is half-configured:\n{lines}")


def _of_production(settings: Settings, is_demonstration: bool) -> Iterator[str]:
    if settings.public_url is None or not settings.public_url.startswith("https://"):
        yield (
            "LAMO_PUBLIC_URL: wanted the https URL under which clients reach the service; "
            "tokens are compared with it"
        )
    if is_demonstration and not settings.allow_demonstration:
        yield (
            "LAMO_ARTIFACT: found the demonstration model, wanted one that was validated here; "
            "LAMO_ALLOW_DEMONSTRATION=true serves it all the same"
        )
    for origin in settings.allowed_origins:
        if origin == "https://sandbox.cds-hooks.org" or urlsplit(origin).scheme != "https":
            yield f"LAMO_CORS_ORIGINS: found {origin}, wanted https origins of your own clients"
    if (settings.certificate_header is None) != (not settings.proxy_addresses):
        yield (
            "LAMO_CERTIFICATE_HEADER and LAMO_PROXY_ADDRESSES: found one, wanted both or neither"
        )


def _of_clients(listed: tuple[Listed, ...]) -> Iterator[str]:
    for one in listed:
        if one.clash:
            yield (
                f"LAMO_CLIENTS_FILE: client {one.client.name!r} has the {one.clash} of another; "
                "rename it, or `lamo-cds clients remove` the other"
            )
    if not any(one.disabled_at is None and not one.clash for one in listed):
        yield "no client may call: register one with `lamo-cds clients add` or LAMO_CLIENTS_FILE"
