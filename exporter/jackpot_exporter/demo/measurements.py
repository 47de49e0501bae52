"""What the service knows about its own work: durations, rates, errors and users of the last minutes.

Bounded in memory, cheap to record, computed when asked. Must not read the database, the cache or the log.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from time import monotonic, perf_counter

RECENT_SECONDS = 60
USER_SECONDS = 300
_DAY_SECONDS = 86_400
_DURATIONS_KEPT = 1_000


class Operation(StrEnum):
    """What the service does for its users, in the words of the guide's metrics JSON."""

    CONTRIBUTION = "contribution"
    WIN = "win"
    POOL_QUERY = "poolQuery"


class RecentCount:
    """Events of the last `seconds`, counted in steps so that a day costs no more than a minute does."""

    def __init__(self, seconds: int, *, steps: int = 60, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seconds = seconds
        self._step_seconds = seconds / steps
        self._steps: deque[list[int]] = deque(maxlen=steps)
        self._started_at = clock()

    def add(self) -> None:
        step = int(self._clock() / self._step_seconds)
        if self._steps and self._steps[-1][0] == step:
            self._steps[-1][1] += 1
        else:
            self._steps.append([step, 1])

    def total(self) -> int:
        first = int((self._clock() - self._seconds) / self._step_seconds) + 1
        return sum(count for step, count in self._steps if step >= first)

    def per_second(self) -> float:
        """Over the window, or since the start where that is shorter (a second at least)."""
        return self.total() / max(1.0, min(self._seconds, self._clock() - self._started_at))


@dataclass(frozen=True, slots=True)
class Latency:
    """Response times in milliseconds; all 0 when nothing was measured yet."""

    average: float
    p50: float
    p95: float
    p99: float


class OperationRecord:
    """One operation's recent durations and outcomes."""

    def __init__(self) -> None:
        self.attempts = RecentCount(RECENT_SECONDS)
        self.failures = RecentCount(RECENT_SECONDS)
        self.in_flight = 0
        self.last_at: datetime | None = None
        self._milliseconds: deque[tuple[float, float]] = deque(maxlen=_DURATIONS_KEPT)

    def add(self, milliseconds: float, *, is_success: bool) -> None:
        self.attempts.add()
        if is_success:
            self.last_at = datetime.now(UTC)
        else:
            self.failures.add()
        self._milliseconds.append((monotonic(), milliseconds))

    def latency(self) -> Latency:
        since = monotonic() - RECENT_SECONDS
        return latency_of(sorted(duration for at, duration in self._milliseconds if at >= since))

    def success_ratio(self) -> float:
        """1 when nothing was tried."""
        attempts = self.attempts.total()
        return 1 - self.failures.total() / attempts if attempts else 1.0


def latency_of(ordered: Sequence[float]) -> Latency:
    """Average and nearest-rank percentiles of sorted durations."""
    if not ordered:
        return Latency(0, 0, 0, 0)

    def percentile(percent: int) -> float:
        return round(ordered[-(-percent * len(ordered) // 100) - 1], 3)

    average = round(sum(ordered) / len(ordered), 3)
    return Latency(average, percentile(50), percentile(95), percentile(99))


class Stopwatch:
    """The time since its making."""

    def __init__(self) -> None:
        self._began = perf_counter()

    @property
    def milliseconds(self) -> float:
        return round((perf_counter() - self._began) * 1000, 3)


class Measurements:
    """Everything recorded since the service started."""

    def __init__(self) -> None:
        self.operations = {operation: OperationRecord() for operation in Operation}
        self.requests = RecentCount(RECENT_SECONDS)
        self.timeouts = RecentCount(RECENT_SECONDS)
        self.contributions_today = RecentCount(_DAY_SECONDS, steps=1_440)
        self.total_requests = 0
        self.error_types: Counter[str] = Counter()
        self.last_configuration_change: datetime | None = None
        self._began = monotonic()
        self._users: dict[str, float] = {}
        self._amounts: deque[tuple[float, int]] = deque(maxlen=60)

    @property
    def uptime_seconds(self) -> float:
        return round(monotonic() - self._began, 3)

    def count_request(self) -> None:
        self.total_requests += 1
        self.requests.add()

    def finish(self, operation: Operation, milliseconds: float, error_type: str | None = None) -> None:
        self.operations[operation].add(milliseconds, is_success=error_type is None)
        if error_type is None:
            if operation is Operation.CONTRIBUTION:
                self.contributions_today.add()
            return
        self.error_types[error_type] += 1
        if error_type.endswith("timeout"):
            self.timeouts.add()

    def see_user(self, user_id: str) -> None:
        self._users.pop(user_id, None)
        self._users[user_id] = monotonic()  # at the end: the dict stays in the order of last sight
        self._forget_users()

    def active_users(self) -> int:
        self._forget_users()
        return len(self._users)

    def see_amount(self, total: int) -> None:
        """Remembers the sum of the pools, once a minute at most."""
        now = monotonic()
        if not self._amounts or now - self._amounts[-1][0] >= 60:
            self._amounts.append((now, total))

    def growth_ratio(self, total: int) -> float:
        """By how much the pools grew in the last hour (or since the start), as a ratio."""
        before = self._amounts[0][1] if self._amounts else 0
        return round(total / before - 1, 6) if before > 0 else 0.0

    def average_milliseconds(self) -> float:
        """Over all operations, each weighted by how often it ran."""
        weighted = [(record.latency().average, record.attempts.total()) for record in self.operations.values()]
        attempts = sum(count for _, count in weighted)
        return round(sum(average * count for average, count in weighted) / attempts, 3) if attempts else 0.0

    def error_ratio(self) -> float:
        return self._share_of_attempts(sum(record.failures.total() for record in self.operations.values()))

    def timeout_ratio(self) -> float:
        return self._share_of_attempts(self.timeouts.total())

    def _share_of_attempts(self, count: int) -> float:
        attempts = sum(record.attempts.total() for record in self.operations.values())
        return round(count / attempts, 6) if attempts else 0.0

    def _forget_users(self) -> None:
        since = monotonic() - USER_SECONDS
        while self._users and next(iter(self._users.values())) < since:
            del self._users[next(iter(self._users))]
