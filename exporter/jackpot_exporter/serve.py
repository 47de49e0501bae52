"""The long-running process: signals, the HTTP server, and the exporter behind it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from . import __version__
from .config import Settings
from .engine import Exporter
from .errors import ExporterError, InvalidInputError
from .logs import fields
from .web.app import Site

log = logging.getLogger(__name__)

_DRAIN_SECONDS = 2.0


class ListenError(ExporterError):
    """The address to listen on cannot be had."""


async def serve(load: Callable[[], Settings], host: str | None, port: int, telemetry_path: str) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads. InvalidInputError when the settings are wrong at the start."""
    exporter = Exporter(load)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def begin_reload() -> None:
        task = loop.create_task(_reload_quietly(exporter))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGHUP, begin_reload)
    runner = web.AppRunner(
        Site(exporter, telemetry_path).application(), access_log=None, shutdown_timeout=_DRAIN_SECONDS
    )
    await runner.setup()
    try:
        await _listen(runner, host, port)
        exporter.start()
        _calm_the_garbage_collector()
        await _first(stop.wait(), exporter.wait())
    finally:
        log.info("stopping")
        await runner.cleanup()
        await exporter.stop()


def _calm_the_garbage_collector() -> None:
    """What was made to start stays for ever, and a round makes many values and no cycles: look for those seldom.

    Looking every 700 allocations, the default, takes a seventh of the time of a round with 10,000 pools.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _listen(runner: web.AppRunner, host: str | None, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise ListenError(f"cannot listen on {host or ''}:{port}: {error.strerror}") from None
    addresses = ",".join(f"{address[0]}:{address[1]}" for address in runner.addresses)
    log.info("listening", extra=fields(addresses=addresses, version=__version__))


async def _reload_quietly(exporter: Exporter) -> None:
    with contextlib.suppress(InvalidInputError):  # the exporter has logged it and counts it
        await exporter.reload()


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Until one of them ends; raises its error."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done:
        task.result()
