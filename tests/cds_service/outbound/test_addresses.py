"""Which addresses may be connected to, wherever a name led to them."""

from ipaddress import ip_address, ip_network

import pytest

from cds_service.outbound.addresses import may_connect
from cds_service.outbound.errors import ReadFailed
from lamo.deadline import Deadline
from tests.cds_service.outbound_fixtures import FakeResolver, guard

LOOPBACK = ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"]
BLOCKED = [
    "0.0.0.0",  # noqa: S104 - an address to refuse, not to listen on
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
PUBLIC = [
    "8.8.8.8",
    "192.0.0.9",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::",
]


@pytest.mark.parametrize("address", BLOCKED)
def test_special_addresses_are_blocked_everywhere(address: str) -> None:
    assert not may_connect(ip_address(address), (), to_itself=False)
    assert not may_connect(ip_address(address), (), to_itself=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_ones_are_not(address: str) -> None:
    assert may_connect(ip_address(address), (), to_itself=False)


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_is_for_sandbox_mode(address: str) -> None:
    assert may_connect(ip_address(address), (), to_itself=True)
    assert not may_connect(ip_address(address), (), to_itself=False)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"])
def test_a_network_of_the_settings_is_let_through(address: str) -> None:
    networks = (ip_network("10.1.0.0/16"), ip_network("fd00::/64"))
    assert may_connect(ip_address(address), networks, to_itself=False)
    assert not may_connect(ip_address("10.2.0.1"), networks, to_itself=False)
    assert not may_connect(ip_address("64:ff9b::10.1.2.3"), networks, to_itself=False)


@pytest.mark.parametrize("answer", [["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"]])
def test_one_bad_address_spoils_the_answer(answer: list[str]) -> None:
    with pytest.raises(ReadFailed, match=r"may not be read .* inside LAMO_OUTBOUND_NETWORKS"):
        guard(FakeResolver(answer)).addresses("ehr.example", Deadline.after_ms(60_000))


def test_a_literal_address_is_checked_without_a_lookup() -> None:
    resolver = FakeResolver()
    found = guard(resolver).addresses("8.8.8.8", Deadline.after_ms(60_000))
    assert ([str(one) for one in found], resolver.asked) == (["8.8.8.8"], [])
    with pytest.raises(ReadFailed, match="may not be read"):
        guard(resolver).addresses("169.254.169.254", Deadline.after_ms(60_000))


def test_localhost_is_this_machine_whatever_a_resolver_says() -> None:
    rebound = guard(FakeResolver(["8.8.8.8"]), is_sandbox=True)
    with pytest.raises(ReadFailed, match="may not be read"):
        rebound.addresses("localhost", Deadline.after_ms(60_000))
