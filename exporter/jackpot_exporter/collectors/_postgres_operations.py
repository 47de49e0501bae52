"""Which statements belong to which business operation, and what they have come to.

Statements come and go in pg_stat_statements, so an operation's counters are kept here and raised by what each of its
statements did since the last round. Their texts are read to find out which they are: often at first, then more and
more seldom, as nothing new turns up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ..model import Sample, counter

if TYPE_CHECKING:
    from ..clients.postgres import Reader

CALLS = counter("database_statement_calls_total", "Executions of the operation's statements.", "operation", own=True)
SECONDS = counter("database_statement_seconds_total", "Time in the operation's statements.", "operation", own=True)
ROWS = counter("database_statement_rows_total", "Rows of the operation's statements.", "operation", own=True)
OPERATIONS = (CALLS, SECONDS, ROWS)

Key = tuple[str, str, str]
"""User, database and query id."""

Counts = tuple[int, float, int]
"""Calls, seconds and rows."""

_NONE: Counts = (0, 0.0, 0)
_MAX_ROUNDS_APART = 16
_TEXTS = r"""
select
    s.queryid,
    p.operation
from pg_stat_statements(true) as s
join unnest(%s::text[], %s::text[]) with ordinality as p (operation, pattern, place)
    on regexp_replace(left(ltrim(s.query), 2000), '\s+', ' ', 'g') ilike p.pattern
where s.queryid is not null
order by p.place desc
limit 5000
"""


class Operations:
    """`patterns` are LIKE patterns by operation; the first that fits a statement's text wins."""

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = patterns
        self._operation_of: dict[int, str] = {}
        self._last: dict[Key, Counts] = {}
        self._totals: dict[str, list[float]] = {operation: list(_NONE) for operation in patterns}
        self._rounds_apart = 1
        self._rounds_left = 0

    @property
    def query_ids(self) -> list[int]:
        """The statements that belong to any operation."""
        return list(self._operation_of)

    def is_search_due(self) -> bool:
        """Whether to look for new statements; called once a round."""
        self._rounds_left -= 1
        return bool(self._patterns) and self._rounds_left < 0

    async def search(self, reader: Reader) -> None:
        """Read the texts, in a transaction that can see the extension and has memory for them."""
        rows = await reader.rows(_TEXTS, (list(self._patterns), list(self._patterns.values())))
        found: dict[int, str] = dict(rows)  # the first pattern comes last and stays
        is_new = not found.keys() <= self._operation_of.keys()
        self._rounds_apart = 1 if is_new else min(2 * self._rounds_apart, _MAX_ROUNDS_APART)
        self._rounds_left = self._rounds_apart
        self._operation_of = found

    def add(self, counted: Mapping[Key, Counts]) -> Iterator[Sample]:
        """The operations' counters after this round."""
        now = {key: counts for key, counts in counted.items() if int(key[2]) in self._operation_of}
        for key, counts in now.items():
            before = self._last.get(key, _NONE)
            if counts[0] < before[0]:  # thrown out and back again, or reset
                before = _NONE
            total = self._totals[self._operation_of[int(key[2])]]
            for index, count in enumerate(counts):
                total[index] += count - before[index]
        self._last = now
        for operation, total in self._totals.items():
            for spec, value in zip(OPERATIONS, total, strict=True):
                yield spec.sample(value, operation)
