"""Who may order faults: this machine alone, whoever else reaches the port."""

from __future__ import annotations

import ipaddress

from aiohttp import web


def require_loopback(request: web.Request) -> None:
    """HTTPForbidden for anybody else."""
    if request.remote is None or not ipaddress.ip_address(request.remote).is_loopback:
        raise web.HTTPForbidden(text="faults are switched from this machine only\n")
