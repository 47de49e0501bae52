"""JSON from a server that is not trusted: bounded in depth, without NaN, and its oddities are told, not hidden."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import BadDataError

Json = dict[str, Any] | list[Any] | str | int | float | bool | None

_THREAD_ABOVE = 8 * 1024  # bytes; an honest document of this size is read within a millisecond

T = TypeVar("T")


async def read_json(body: bytes, read: Callable[[Json], T]) -> tuple[T, frozenset[str]]:
    """What `read` makes of the document, and what is odd about it; in a thread when it is large.

    BadDataError when it is no JSON, or too deep to be an honest one.
    """
    if len(body) > _THREAD_ABOVE:
        return await asyncio.to_thread(_read, body, read)
    return _read(body, read)


def _read(body: bytes, read: Callable[[Json], T]) -> tuple[T, frozenset[str]]:
    document, oddities = _parse(body)
    return read(document), oddities


def _parse(body: bytes) -> tuple[Json, frozenset[str]]:
    oddities: set[str] = set()

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            oddities.add("the same key twice in an object; the last one counts")
        return found

    def constant(name: str) -> None:
        oddities.add(f"{name}, which is not JSON; taken as missing")

    def decimal(text: str) -> float | None:
        value = float(text)
        if math.isfinite(value):
            return value
        oddities.add("a number that is too large; taken as missing")
        return None

    try:
        text = body.decode("utf-8-sig")
        document: Json = json.loads(text, object_pairs_hook=members, parse_constant=constant, parse_float=decimal)
    except RecursionError:
        raise BadDataError("the JSON is nested too deeply") from None
    except ValueError:  # also for text that is not UTF-8 and for integers of thousands of digits
        raise BadDataError("the answer is not JSON") from None
    return document, frozenset(oddities)
