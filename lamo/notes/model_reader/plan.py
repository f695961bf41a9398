"""Where the note model is and how it is asked; addresses that no note may go to are refused."""

import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import httpx2


class EndpointRefused(Exception):  # noqa: N818 - a situation, named as such
    """No note can be sent to this endpoint; the message says what was found and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReaderPlan:
    """The settings of one note model."""

    url: str  # /chat/completions and /models stand under it, as in https://models.example/v1
    model: str  # as the endpoint names it
    key: str | None = field(default=None, repr=False)
    context_tokens: int = 8192  # of the model, prompt and answer together
    answer_tokens: int = 1024  # that one answer may have; a longer one is cut and counts as failed
    seconds: float = 30.0  # for a whole note: all its pieces, tries and pauses
    tries: int = 3  # of one question, the first included
    most_chunks: int = 16  # a note of more pieces is left to the rules
    allowed_hosts: tuple[str, ...] = ()  # names without port; this machine needs no entry
    ca_file: Path | None = None  # PEM of the certificates to trust; None: those of the system


def check_plan(plan: ModelReaderPlan) -> None:
    """Refuse settings with which no note could be read, or would go where it must not.

    Raises:
        EndpointRefused: the message names the setting, and holds no key.
    """
    _check_address(plan)
    if not plan.model:
        raise EndpointRefused(
            "no note model is named: set LAMO_NOTES_MODEL to a name that GET /models lists"
        )
    if plan.key is not None and not (plan.key.isascii() and plan.key.isprintable() and plan.key):
        raise EndpointRefused(
            "the key of the note model is empty or has characters that no HTTP header takes: "
            "give LAMO_NOTES_KEY without line breaks and quotes, or none"
        )
    numbers = (plan.seconds, plan.tries, plan.answer_tokens, plan.most_chunks)
    if min(numbers) <= 0:
        raise EndpointRefused(
            f"seconds, tries, answer_tokens and most_chunks are {numbers}: give numbers above 0"
        )


def _check_address(plan: ModelReaderPlan) -> None:
    url = _parsed(plan.url)
    if url.scheme not in ("https", "http") or not url.host:
        raise EndpointRefused("the note model's URL is no https:// address: give one, as with /v1")
    if url.userinfo or url.query or url.fragment:
        raise EndpointRefused(
            "the note model's URL has a user, a query or a fragment: give the address alone as "
            "LAMO_NOTES_URL, and the key as LAMO_NOTES_KEY"
        )
    if is_loopback(url.host):
        return
    if url.scheme == "http":
        raise EndpointRefused(
            f"the note model's URL is http://{url.host}: patients' notes go over https only, "
            "except to this machine"
        )
    allowed = {host.lower() for host in plan.allowed_hosts}
    if url.host not in allowed:
        raise EndpointRefused(
            f"the note model's host {url.host} is not among the allowed ones {sorted(allowed)}: "
            "add it to LAMO_NOTES_HOSTS if patients' notes may be sent to it"
        )


def _parsed(url: str) -> httpx2.URL:
    """Parsed by what will open the connection, so that both see the same host."""
    try:
        return httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        raise EndpointRefused(
            "the note model's URL cannot be parsed: give https://host/v1"
        ) from None


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def tls_of(plan: ModelReaderPlan) -> ssl.SSLContext:
    """Certificates checked, names checked, TLS 1.2 at least; no keys are written to any file.

    Raises:
        EndpointRefused: the CA file cannot be read as one.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # create_default_context reads SSLKEYLOGFILE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if plan.ca_file is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cafile=plan.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise EndpointRefused(
            f"the CA file {plan.ca_file} of the note model cannot be read "
            f"({type(error).__name__}): give LAMO_NOTES_CA_FILE a PEM file of certificates"
        ) from None
    return context
