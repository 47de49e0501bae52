"""`jackpot-exporter demo`: start everything, show it live, stop everything."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.live import Live

from ..config import parse_duration
from .stack import Stack, running_stack
from .traffic import MAXIMUM_RATE
from .view import Look, look, plain_line, render

_REFRESH_SECONDS = 1.0
_PLAIN_SECONDS = 5.0
_RULES = Path("prometheus/rules")


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option("--rate", type=click.FloatRange(0, MAXIMUM_RATE), default=20.0, show_default=True, help="contributions/s")
@click.option("--error-share", type=click.FloatRange(0, 1), default=0.0005, show_default=True, help="of them rejected")
@click.option("--for", "duration", type=_Duration(), default=None, help="Stop by itself after this time, e.g. 60s.")
def demo(rate: float, error_share: float, duration: float | None) -> None:
    """A simulated jackpot service on real servers, the exporter, Prometheus and Alertmanager, live."""
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    rules = _RULES if any(_RULES.glob("*.yml")) else None
    end = time.monotonic() + (duration if duration is not None else float("inf"))
    try:
        with running_stack(rate, error_share, rules, lambda what: console.print(f"starting {what}")) as stack:
            for name, address in stack.addresses().items():
                console.print(f"{name:>15}  {address}", highlight=False, soft_wrap=True)
            (_show_live if console.is_terminal else _show_plain)(console, stack, end)
    except KeyboardInterrupt:
        pass
    console.print("stopped; nothing stays behind")


def _show_live(console: Console, stack: Stack, end: float) -> None:
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while time.monotonic() < end:
            found = _try_look(stack)
            live.update(render(stack, found) if found else "the exporter does not answer", refresh=True)
            time.sleep(_REFRESH_SECONDS)


def _show_plain(console: Console, stack: Stack, end: float) -> None:
    while time.monotonic() < end:
        found = _try_look(stack)
        console.print(plain_line(found) if found else "the exporter does not answer", highlight=False, soft_wrap=True)
        time.sleep(min(_PLAIN_SECONDS, max(0.1, end - time.monotonic())))


def _try_look(stack: Stack) -> Look | None:
    try:
        return look(stack)
    except OSError:
        return None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
