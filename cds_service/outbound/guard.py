"""What the settings allow to be reached, and what stands between a caller's word and a socket."""

import ssl
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context

from cds_service.environment import SettingsError
from cds_service.outbound.addresses import Address, Network, may_connect
from cds_service.outbound.breakers import Breakers
from cds_service.outbound.errors import ReadFailed, ServerDown
from cds_service.outbound.lookups import Lookups
from cds_service.outbound.urls import literal, origin_of
from cds_service.settings import Settings
from lamo.deadline import Deadline

THIS_MACHINE = "localhost"  # RFC 6761: this name never means another machine
BLOCKED = (
    "is at an address that may not be read from here: wanted a public one, or one inside "
    "LAMO_OUTBOUND_NETWORKS"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Says where a connection may go. One per process: breakers and lookups are shared by calls."""

    networks: tuple[Network, ...] = ()  # beside the public internet
    is_sandbox: bool = False  # this machine may be read from, over http too
    tls: ssl.SSLContext
    lookups: Lookups = field(default_factory=Lookups)
    breakers: Breakers = field(default_factory=Breakers)

    @classmethod
    def of(cls, settings: Settings) -> "Guard":
        """The guard that the settings describe.

        Raises:
            SettingsError: the file of authorities cannot be used.
        """
        return cls(
            networks=tuple(ip_network(network) for network in settings.outbound_networks),
            is_sandbox=not settings.is_production,
            tls=tls_context(settings.fhir_ca_file),
        )

    def allows_scheme(self, url: str) -> bool:
        """Whether the URL is https, or http to this machine in sandbox mode; none of odd form is.

        A FHIR base that somebody wrote down with http is allowed by whoever reads that list.
        """
        try:
            origin = origin_of(url)
        except ReadFailed:
            return False
        return origin.scheme == "https" or (self.is_sandbox and _is_this_machine(origin.host))

    def addresses(self, host: str, deadline: Deadline) -> tuple[Address, ...]:
        """Where a connection to the host may go now. To be asked again for every connection.

        Raises:
            ReadFailed: one of its addresses, or the only one, may not be connected to.
            ServerDown: it has none, or they were not found in time.
        """
        address = literal(host)
        found = self.lookups(host, deadline) if address is None else (address,)
        if not found:
            raise ServerDown("has a name without addresses")
        if not all(may_connect(one, self.networks, to_itself=self.is_sandbox) for one in found):
            raise ReadFailed(BLOCKED)
        if host == THIS_MACHINE and not all(one.is_loopback for one in found):
            raise ReadFailed(BLOCKED)
        return found


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """How servers prove who they are. Made once: reading the authorities takes 20 ms.

    Raises:
        SettingsError: the file cannot be used.
    """
    context = create_urllib3_context()
    try:
        context.load_verify_locations(ca_file or DEFAULT_CA_BUNDLE_PATH)
    except OSError:
        raise SettingsError(
            f"LAMO_FHIR_CA_FILE: found {str(ca_file)!r}, which cannot be read, wanted "
            f"{Settings.model_fields['fhir_ca_file'].description}"
        ) from None
    return context


def _is_this_machine(host: str) -> bool:
    address = literal(host)
    return host == THIS_MACHINE if address is None else address.is_loopback
