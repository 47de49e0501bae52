"""What the service does for its users: each operation timed, logged, measured, and subject to the faults.

Between HTTP and the store: must not know requests or SQL. An operation that fails raises what made it fail;
`failure_of` gives that its name and HTTP status.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import psycopg

from .cache import PoolCache
from .connections import PoolTimeoutError
from .deadline import within
from .faults import Fault
from .journal import Action, Journal, timestamp
from .measurements import Measurements, Operation, Stopwatch
from .store import ConflictError, EmptyPoolError, Statistics, Store, Win, Winner

MAXIMUM_WAGER = 1_000_000
_DEADLINE_SECONDS = 4.0
_BURST_RATIO = 0.4
_SLOW_SECONDS = (0.6, 0.9)
_CHURN_GROUP = "minor"


class RejectedError(Exception):
    """The request is understood and not allowed."""


class InjectedError(Exception):
    """The fault error-burst struck."""


FAILURES = (
    RejectedError,
    InjectedError,
    EmptyPoolError,
    ConflictError,
    PoolTimeoutError,
    psycopg.Error,
    OSError,
)
"""All that an operation raises unless it has a bug; OSError is the base of TimeoutError."""


class _Report(Protocol):
    def __call__(self, action: Action, *, duration: float, error_type: str | None) -> None: ...


def failure_of(error: BaseException) -> tuple[str, int]:
    """The error type, as the log and the metrics name it, and the HTTP status."""
    match error:
        case RejectedError() | EmptyPoolError():
            return "validation", 422
        case ConflictError():
            return "conflict", 409
        case PoolTimeoutError():
            return "pool_timeout", 503
        case TimeoutError() | psycopg.errors.QueryCanceled() | psycopg.errors.LockNotAvailable():
            return "timeout", 504
        case psycopg.Error() | OSError():
            return "database", 503
        case _:
            return "internal", 500


class Operations:
    """The service's work; `faults` are those that are on at any time."""

    def __init__(
        self,
        store: Store,
        cache: PoolCache,
        journal: Journal,
        measurements: Measurements,
        faults: Collection[Fault],
    ) -> None:
        self._faults = faults
        self._store = store
        self._cache = cache
        self._journal = journal
        self._measurements = measurements

    async def contribute(
        self, game_id: str, wager_amount: int, user_id: str | None, correlation_id: str
    ) -> dict[str, int]:
        """Cents by pool. `user_id` counts as active and is not logged."""
        if user_id is not None:
            self._measurements.see_user(user_id)
        given: dict[str, int] = {}
        log = partial(
            self._journal.contribution,
            game_id=game_id,
            wager_amount=wager_amount,
            contributions=given,
            correlation_id=correlation_id,
        )
        log(Action.START)
        with self._attempt(Operation.CONTRIBUTION, log):
            if not 0 < wager_amount <= MAXIMUM_WAGER:
                raise RejectedError(f"wagerAmount {wager_amount} is not between 1 and {MAXIMUM_WAGER} cents")
            await self._suffer()
            given.update(await within(_DEADLINE_SECONDS, self._store.contribute(wager_amount)))
        return given

    async def win(self, group: str, game_id: str, user_id: str, correlation_id: str) -> Win:
        self._measurements.see_user(user_id)
        paid: dict[str, Any] = {}
        log = partial(self._journal.win, group=group, game_id=game_id, user_id=user_id, correlation_id=correlation_id)
        log(Action.START)

        def report(action: Action, *, duration: float, error_type: str | None) -> None:
            log(action, duration=duration, error_type=error_type, **paid)

        with self._attempt(Operation.WIN, report):
            winner = Winner(game_id, user_id, correlation_id)
            win = await within(_DEADLINE_SECONDS, self._store.win(group, winner))
            paid.update(paid_amount=win.paid_amount, remaining_amount=win.reset_amount)
        return win

    async def pools_json(self, correlation_id: str) -> str:
        """The pools as a JSON object by group, at most a second old."""
        with self._attempt(Operation.POOL_QUERY, partial(self._journal.pool_query, correlation_id=correlation_id)):
            return await self._cache.through(self._load_pools)

    async def statistics(self) -> Statistics:
        statistics = await within(_DEADLINE_SECONDS, self._store.statistics())
        self._measurements.see_amount(statistics.total_amount)
        return statistics

    async def change_share(self, group: str, share_basis_points: int, user_id: str, correlation_id: str) -> None:
        before = await within(_DEADLINE_SECONDS, self._store.set_share(group, share_basis_points))
        self._measurements.last_configuration_change = datetime.now(UTC)
        changes = {f"{group}.shareBasisPoints": {"from": before, "to": share_basis_points}}
        self._journal.configuration_change(changes, user_id, correlation_id)

    async def save_unchanged(self) -> None:
        """A configuration change that changes nothing: the fault config-churn leaves no trace in the settings."""
        share = await within(_DEADLINE_SECONDS, self._store.share(_CHURN_GROUP))
        await self.change_share(_CHURN_GROUP, share, "fault-config-churn", f"churn-{random.getrandbits(64):016x}")

    async def _suffer(self) -> None:
        if Fault.SLOW_CONTRIBUTIONS in self._faults:
            await asyncio.sleep(random.uniform(*_SLOW_SECONDS))
        if Fault.ERROR_BURST in self._faults and random.random() < _BURST_RATIO:
            raise InjectedError("the fault error-burst is on")

    async def _load_pools(self) -> str:
        pools = await within(_DEADLINE_SECONDS, self._store.pools())
        self._measurements.see_amount(sum(pool.current_amount for pool in pools))
        return json.dumps(
            {
                pool.group: {
                    "currentAmount": pool.current_amount,
                    "totalContributions": pool.total_contributions,
                    "totalWins": pool.total_wins,
                    "lastWonAmount": pool.last_won_amount,
                    "lastWonAt": timestamp(pool.last_won_at) if pool.last_won_at else None,
                    "version": pool.version,
                }
                for pool in pools
            },
            separators=(",", ":"),
        )

    @contextmanager
    def _attempt(self, operation: Operation, report: _Report) -> Iterator[None]:
        record = self._measurements.operations[operation]
        stopwatch = Stopwatch()
        error_type = None
        record.in_flight += 1
        try:
            yield
        except BaseException as error:
            error_type = failure_of(error)[0]
            raise
        finally:
            record.in_flight -= 1
            duration = stopwatch.milliseconds
            self._measurements.finish(operation, duration, error_type)
            report(Action.SUCCESS if error_type is None else Action.ERROR, duration=duration, error_type=error_type)
