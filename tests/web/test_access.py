"""Whose request it is: what a trusted proxy says, and nobody else."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackpot_exporter.web.access import client_address

PROXIES = (ip_network("10.0.0.0/24"), ip_network("fd00::/64"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        pytest.param("192.0.2.7", [], "192.0.2.7", id="no proxy"),
        pytest.param("192.0.2.7", ["198.51.100.1"], "192.0.2.7", id="header from anybody"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="proxy without a word"),
        pytest.param("10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="proxy"),
        pytest.param("fd00::1", ["2001:db8::9"], "2001:db8::9", id="IPv6"),
        pytest.param("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1", id="IPv4 on a socket for both"),
        pytest.param("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1", id="two proxies"),
        pytest.param("10.0.0.1", ["198.51.100.1", "10.0.0.2"], "198.51.100.1", id="in two lines"),
        pytest.param("10.0.0.1", ["10.0.0.9, 198.51.100.1"], "198.51.100.1", id="made up in front"),
        pytest.param("10.0.0.1", ["10.0.0.9, 10.0.0.2"], "10.0.0.9", id="proxies alone"),
        pytest.param("10.0.0.1", ["nonsense"], None, id="no address"),
        pytest.param("10.0.0.1", ["198.51.100.1, "], None, id="empty at the end"),
        pytest.param("10.0.0.1", ["198.51.100.1:80"], None, id="with a port"),
        pytest.param(None, ["198.51.100.1"], None, id="no peer"),
    ],
)
def test_client_address(peer: str | None, forwarded: list[str], client: str | None) -> None:
    found = client_address(peer, forwarded, PROXIES)

    assert found == (ip_address(client) if client else None)


@given(st.ip_addresses(), st.lists(st.text()))
def test_who_is_no_proxy_is_only_ever_himself(peer: object, forwarded: list[str]) -> None:
    found = client_address(str(peer), forwarded, ())

    mapped = getattr(peer, "ipv4_mapped", None)
    assert found == (mapped or peer)


@given(st.lists(st.text()))
def test_no_header_makes_it_fail(forwarded: list[str]) -> None:
    client_address("10.0.0.1", forwarded, PROXIES)
