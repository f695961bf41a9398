"""Which IP addresses may be connected to, by the IANA special-purpose registries (RFC 6890)."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

GLOBAL_UNICAST = IPv6Network("2000::/3")  # all else of IPv6 is special or unassigned
NAT64 = IPv6Network(
    "64:ff9b::/96"
)  # RFC 6052: a gateway sends it on to the IPv4 address at its end
NEVER_PUBLIC = (
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, given up by RFC 7526
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
)


def may_connect(address: Address, networks: Iterable[Network], *, to_itself: bool) -> bool:
    """Whether an address is public, inside one of the networks, or allowed as this machine's own.

    An IPv4 address within an IPv6 one counts as itself: the system connects to what is mapped, a
    gateway sends on what is embedded for NAT64 or 6to4. Gateways of a network's own prefix cannot
    be told from the outside.
    """
    real = getattr(address, "ipv4_mapped", None) or address
    if any(one in network for network in networks for one in (address, real)):
        return True
    return to_itself if real.is_loopback else _is_public(_sent_on_to(real))


def _sent_on_to(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or address


def _is_public(address: Address) -> bool:
    special = address.is_multicast or address.is_reserved
    special = special or any(address in network for network in NEVER_PUBLIC)
    routed = isinstance(address, IPv4Address) or address in GLOBAL_UNICAST
    return address.is_global and routed and not special
