"""Amounts in words: units that a reader knows, three digits that matter, and `no data` for what is missing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from .model import Amount, Status, Unit

NO_DATA = "no data"
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_STATUS = {Status.NONE: "", Status.GOOD: "good", Status.LOOK: "look at it", Status.BAD: "bad"}


def say(amount: Amount, unit: Unit) -> str:
    """The amount as people read it."""
    if amount is None:
        return NO_DATA
    if isinstance(amount, str):
        return amount
    if not math.isfinite(amount):
        return "without limit" if amount > 0 else NO_DATA
    return _SAY[unit](amount)


def say_status(status: Status) -> str:
    return _STATUS[status]


def say_time(at: float) -> str:
    """To the minute, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def say_date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def say_seconds(seconds: float) -> str:
    """1.2 ms, 3.4 s, 5 min 6 s, 2 h 5 min, 3 d 4 h."""
    size = abs(seconds)
    if size < 1:
        return f"{_digits(seconds * 1000)} ms" if size else "0 s"
    if size < 60:
        return f"{_digits(seconds)} s"
    whole = round(size)
    amounts = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    first = next(index for index, (amount, _) in enumerate(amounts) if amount)
    words = " ".join(f"{amount} {unit}" for amount, unit in amounts[first : first + 2] if amount)
    return f"-{words}" if seconds < 0 else words


def say_bytes(size: float) -> str:
    power = 0
    while abs(size) >= 1024 and power < len(_BYTES) - 1:
        size, power = size / 1024, power + 1
    return f"{_digits(size)} {_BYTES[power]}"


def say_cents(cents: float) -> str:
    return f"-${-cents / 100:,.2f}" if cents < 0 else f"${cents / 100:,.2f}"


def say_ratio(ratio: float) -> str:
    """Percent, with as many digits as tell 99.95 % from 100 %."""
    percent = ratio * 100
    if percent in {0, 100}:
        return f"{percent:.0f} %"
    near = round(min(abs(percent), abs(100 - percent)) if 0 < percent < 100 else abs(percent), 9)
    places = 1 if near >= 1 else 2 if near >= 0.1 else 3
    return f"{percent:,.{places}f} %"


def say_count(count: float) -> str:
    """Whole numbers: what Prometheus counts between two samples is not, and means one."""
    return f"{count:,.0f}" if abs(count) >= 10 or abs(count - round(count)) < 0.05 else f"{count:.1f}"


def _digits(number: float) -> str:
    """Three that matter."""
    size = abs(number)
    if size >= 100 or number == round(number):
        return f"{number:,.0f}"
    return f"{number:.1f}" if size >= 10 else f"{number:.2f}"


_SAY: Mapping[Unit, Callable[[float], str]] = {
    Unit.TEXT: str,
    Unit.COUNT: say_count,
    Unit.RATIO: say_ratio,
    Unit.SECONDS: say_seconds,
    Unit.BYTES: say_bytes,
    Unit.CENTS: say_cents,
    Unit.PER_SECOND: lambda rate: f"{_digits(rate)}/s",
    Unit.TIME: say_time,
}
