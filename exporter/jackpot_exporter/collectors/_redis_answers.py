"""Answers of Redis turned into the types a part expects; BadDataError names what came instead."""

from __future__ import annotations

import math
from typing import Any

from ..errors import BadDataError
from ..model import Number

_WHOLE_MAX = 2**64
_WORDS = {"ok": 1, "true": 1, "err": 0, "fail": 0, "false": 0}


def text(answer: object) -> str:
    """A string; bytes that are no UTF-8 are replaced."""
    if not isinstance(answer, bytes):
        raise BadDataError(f"a string was expected, not {answer!r:.80}")
    return answer.decode("utf-8", "replace")


def integer(answer: object) -> int:
    """A whole number of 64 bits, as Redis has them."""
    if not isinstance(answer, int) or not -_WHOLE_MAX <= answer <= _WHOLE_MAX:
        raise BadDataError(f"an integer was expected, not {answer!r:.80}")
    return answer


def sequence(answer: object, at_least: int = 0) -> list[Any]:
    """A list of at least so many elements."""
    if not isinstance(answer, list) or len(answer) < at_least:
        raise BadDataError(f"a list of {at_least} or more was expected, not {answer!r:.80}")
    return answer


def pairs(answer: object) -> dict[str, Any]:
    """A map: RESP2 has it as a list of keys and values in turn."""
    flat = sequence(answer)
    return {text(key): value for key, value in zip(flat[::2], flat[1::2], strict=False)}


def number(value: str) -> Number | None:
    """A finite number, or a status as one; None for any other text."""
    try:
        whole = int(value)
    except ValueError:
        pass
    else:
        return whole if -_WHOLE_MAX <= whole <= _WHOLE_MAX else None
    try:
        amount = float(value)
    except ValueError:
        return _WORDS.get(value)
    return amount if math.isfinite(amount) else None


def divided(amount: Number, divisor: int) -> Number:
    """In another unit; whole numbers stay exact where the unit stays."""
    return amount if divisor == 1 else amount / divisor


def settings(value: str) -> dict[str, str]:
    """`a=1,b=2` as a map."""
    return dict(pair.partition("=")[::2] for pair in value.split(","))
