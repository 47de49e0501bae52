"""Is the pools' money conserved? Compares each read of a pool with what was seen of it before.

Between two wins a pool moves only by contributions, so `amount - contributions` stays what it was at the last
win (or at the first read). Comparing with that anchor and not with the read before keeps a violation visible
until the next win, however short the moment in which it happened. Each check finds its own fault only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from ...model import Number

CHECKS = (
    "negative_amount",
    "conservation",
    "version_regression",
    "stale_update",
    "win_without_reset",
    "unvalidated_constraint",
)

Key = tuple[str, ...]
_Numbers = tuple[Number, Number, Number, Number, Number]
_SLICE = 128


class PoolRow(NamedTuple):
    """One pool as read; money in cents, times in Unix seconds, None where NULL or not mapped."""

    amount: Number | None
    contributions: Number | None
    wins: Number | None
    version: Number | None
    updated_at: Number | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is remembered of a pool."""

    last: PoolRow
    anchor: Number | None
    """amount - contributions since the last win; None while unknown."""
    highest_version: Number | None
    is_stale: bool = False
    kept_its_win: bool = False


class Ledger:
    """Remembers pools from round to round.

    Of a pool that violates nothing its last row says all there is to know, so only the others are kept.
    """

    def __init__(self) -> None:
        self._odd: dict[Key, _Seen] = {}

    async def check(
        self, changes: Iterable[tuple[Key, PoolRow | None, PoolRow]], gone: Iterable[Key]
    ) -> dict[str, int]:
        """How many pools violate each check now; each change is a pool with its row before, if any, and now."""
        for key in gone:
            self._odd.pop(key, None)
        for number, (key, before, row) in enumerate(changes):
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            if before and key not in self._odd and _goes_on(before, row):
                continue
            known = self._odd.pop(key, None) or (_first_seen(before) if before else None)
            seen = _follow(known, row)
            if _is_negative(row) or (known is not None and seen != _first_seen(row)):
                self._odd[key] = seen
        return self._count()

    def _count(self) -> dict[str, int]:
        counts = dict.fromkeys(CHECKS, 0)
        for seen in self._odd.values():
            row = seen.last
            counts["negative_amount"] += _is_negative(row)
            counts["conservation"] += seen.anchor is not None and _balance(row) not in (None, seen.anchor)
            counts["version_regression"] += (
                row.version is not None and seen.highest_version is not None and row.version < seen.highest_version
            )
            counts["stale_update"] += seen.is_stale
            counts["win_without_reset"] += seen.kept_its_win
        return counts


def _goes_on(before: PoolRow, row: PoolRow) -> bool:
    """Whether a pool went on as nearly all do, which `_follow` would find too: nothing is won, missing or wrong."""
    if None in before or None in row:
        return False
    amount, contributions, wins, version, updated_at = cast(_Numbers, row)
    old_amount, old_contributions, old_wins, old_version, old_updated_at = cast(_Numbers, before)
    return (
        amount >= 0
        and amount - contributions == old_amount - old_contributions
        and wins == old_wins
        and version >= old_version
        and updated_at != old_updated_at
    )


def _first_seen(row: PoolRow) -> _Seen:
    return _Seen(row, _balance(row), row.version)


def _is_negative(row: PoolRow) -> bool:
    return row.amount is not None and row.amount < 0


def _follow(seen: _Seen | None, row: PoolRow) -> _Seen:
    if seen is None:
        return _first_seen(row)
    before = seen.last
    highest = max((v for v in (seen.highest_version, row.version) if v is not None), default=None)
    now = _Seen(row, seen.anchor, highest, _is_stale(seen, row), seen.kept_its_win)
    if before.wins is not None and row.wins is not None and row.wins > before.wins:
        # The contributions made before and after the win cannot be told apart from outside: begin anew.
        return replace(now, anchor=_balance(row), kept_its_win=_kept_its_win(before, row))
    return now


def _balance(row: PoolRow) -> Number | None:
    if row.amount is None or row.contributions is None:
        return None
    return row.amount - row.contributions


def _is_stale(seen: _Seen, row: PoolRow) -> bool:
    """Money moved and `updated_at` did not; stays until it moves."""
    if row.updated_at != seen.last.updated_at or row.updated_at is None:
        return False
    return seen.is_stale or (row.amount, row.contributions) != (seen.last.amount, seen.last.contributions)


def _kept_its_win(before: PoolRow, row: PoolRow) -> bool:
    """A win was counted and the pool holds all it would hold without it."""
    balances = _balance(before), _balance(row)
    return balances[0] is not None and balances[1] is not None and balances[1] >= balances[0]
