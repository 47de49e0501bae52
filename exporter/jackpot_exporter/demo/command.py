"""`jackpot-exporter demo`: start everything, show it live, stop everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import click
from rich.console import Console
from rich.live import Live

from ..config import parse_duration
from ..errors import ToolError
from . import fault_control
from .ending import Ending, heeding_signals
from .fault_switches import Switches, known_faults
from .simulation import systems
from .site import JACKPOT
from .stack import Demo, running_stack, running_systems
from .traffic import MAXIMUM_RATE
from .view import Look, look, plain_line, render

_ALL = "all"
_REFRESH_SECONDS = 1.0
_PLAIN_SECONDS = 5.0


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(invoke_without_command=True)
@click.option("--rate", type=click.FloatRange(0, MAXIMUM_RATE), default=20.0, show_default=True, help="contributions/s")
@click.option("--error-share", type=click.FloatRange(0, 1), default=0.0005, show_default=True, help="of them rejected")
@click.option("--for", "duration", type=_Duration(), default=None, help="Stop by itself after this time, e.g. 60s.")
@click.option(
    "--fault", "faults", multiple=True, type=click.Choice(list(known_faults())), help="Begin with this fault on."
)
@click.option(
    "--pack",
    "packs",
    multiple=True,
    type=click.Choice([JACKPOT, *systems(), _ALL]),
    default=(JACKPOT,),
    show_default=True,
    help="The system to run; may be given several times.",
)
@click.pass_context
def demo(
    context: click.Context,
    rate: float,
    error_share: float,
    duration: float | None,
    faults: tuple[str, ...],
    packs: tuple[str, ...],
) -> None:
    """Simulated systems on real servers, the exporter, Prometheus and Alertmanager, live."""
    if context.invoked_subcommand:
        return
    console = Console()

    def say(what: str) -> None:
        console.print(f"starting {what}")

    try:
        with heeding_signals() as ending, _running(packs, rate, error_share, say) as stack:
            for name, address in stack.addresses().items():
                console.print(f"{name:>20}  {address}", highlight=False, soft_wrap=True)
            end = time.monotonic() + (duration if duration is not None else float("inf"))
            with _switchable(stack, faults):
                (_show_live if console.is_terminal else _show_plain)(console, stack, ending, end)
    except KeyboardInterrupt:
        pass
    console.print("stopped; nothing stays behind")


@demo.command()
@click.argument("name", type=click.Choice(list(known_faults())), required=False)
@click.argument("state", type=click.Choice(["on", "off"]), required=False)
def fault(name: str | None, state: str | None) -> None:
    """Switch a fault of the running demo on or off; without arguments, list them."""
    try:
        on = fault_control.order(name, on=state != "off") if name else fault_control.active()
    except ToolError as error:
        raise click.ClickException(str(error)) from None
    for one, (what, alert) in known_faults().items():
        click.echo(f"{one:<20} {'on ' if one in on else 'off'}  {what} ({alert})")


def _running(
    packs: tuple[str, ...], rate: float, error_share: float, say: Callable[[str], None]
) -> AbstractContextManager[Demo]:
    others = [system for name, system in systems().items() if name in packs or _ALL in packs]
    if JACKPOT in packs or _ALL in packs:
        return running_stack(rate, error_share, say, others=others)
    return running_systems(others, say)


@contextmanager
def _switchable(stack: Demo, faults: tuple[str, ...]) -> Iterator[None]:
    """Takes orders, and undoes what is still on at the end."""
    switches = Switches(stack)
    with fault_control.controlled(switches, stack.folder):
        try:
            for name in faults:
                switches.switch(name, on=True)
            yield
        finally:
            switches.close()


def _show_live(console: Console, stack: Demo, ending: Ending, end: float) -> None:
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while time.monotonic() < end and not ending.is_asked:
            found = _try_look(stack)
            live.update(render(stack, found) if found else "the exporter does not answer", refresh=True)
            time.sleep(_REFRESH_SECONDS)


def _show_plain(console: Console, stack: Demo, ending: Ending, end: float) -> None:
    while time.monotonic() < end and not ending.is_asked:
        found = _try_look(stack)
        console.print(plain_line(found) if found else "the exporter does not answer", highlight=False, soft_wrap=True)
        time.sleep(min(_PLAIN_SECONDS, max(0.1, end - time.monotonic())))


def _try_look(stack: Demo) -> Look | None:
    try:
        return look(stack)
    except OSError:
        return None
