"""Faults are ordered from this machine alone, also where a system listens to others."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from jackpot_exporter.demo.loopback import require_loopback


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.0.0.2", "::1"])
async def test_this_machine_may(remote: str) -> None:
    require_loopback(make_mocked_request("POST", "/demo/fault").clone(remote=remote))


@pytest.mark.parametrize("remote", ["172.18.0.5", "192.168.1.1", "fe80::1"])
async def test_others_may_not(remote: str) -> None:
    with pytest.raises(web.HTTPForbidden):
        require_loopback(make_mocked_request("POST", "/demo/fault").clone(remote=remote))
