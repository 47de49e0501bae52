"""The jackpot pools, from the service's own table: amounts, contributions, wins, versions and their integrity.

One COPY a round, whatever the number of pools. Nothing is written and no row is locked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, LiteralString

from ..clients import Clients
from ..config import CollectorSection
from ..errors import MissingError, PermissionDeniedError, SourceTimeoutError
from ..model import Collector, Item, Note
from ._base import CollectorType
from ._pools.changes import Round, changes
from ._pools.families import ACCESSIBLE, METRICS, VIOLATIONS
from ._pools.integrity import Ledger
from ._pools.lines import StretchFrames, table_frames
from ._pools.plan import Plan, make_plan
from ._pools.settings import PoolsSettings
from ._pools.stretch import Deferred
from ._pools.table import Cap, series_per_pool

if TYPE_CHECKING:
    from ..clients.postgres import PostgresSession

_UNVALIDATED: LiteralString = """
select
    count(*)
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where (n.nspname = %(schema)s or (%(schema)s = '' and pg_catalog.pg_table_is_visible(c.oid)))
    and c.relname = %(table)s
    and not k.convalidated
"""


class PoolsCollector:
    """Reads every pool with one statement."""

    def __init__(self, settings: PoolsSettings, session: PostgresSession) -> None:
        self._settings = settings
        self._session = session
        self._plan: Plan | None = None
        self._last = Round()
        self._ledger = Ledger()
        self._frames = StretchFrames()
        self._cap = Cap(settings.max_series)
        self._timeouts = 0

    async def collect(self) -> AsyncGenerator[Item, None]:
        try:
            plan, stream, unvalidated = await self._read()
        except SourceTimeoutError:
            # One missed round is a migration that has its lock; two are a table that nobody can use.
            self._timeouts += 1
            if self._timeouts > 1:
                yield ACCESSIBLE.sample(0)
            raise
        except (MissingError, PermissionDeniedError):
            self._plan = None
            yield ACCESSIBLE.sample(0)
            raise
        self._timeouts = 0
        yield ACCESSIBLE.sample(1)
        pools, notes = await plan.parse(stream, self._last)
        for note in notes:
            yield note
        violations = await self._ledger.check(*await changes(self._last, pools))
        self._last = pools
        for check, count in {**violations, "unvalidated_constraint": unvalidated}.items():
            yield VIOLATIONS.sample(count, check)
        inactive_before = time.time() - self._settings.inactive_after
        if pools.is_distinct and self._cap.holds(pools.size, len(pools.specs)):
            self._cap.show(Deferred(pools.size, pools.read_keys))
            frames = self._frames.frames(pools, plan.label_names, inactive_before)
        else:
            shown, rest = await asyncio.to_thread(lambda: self._cap.apply(pools.table()))
            if rest:
                message = f"{rest} pools over max_series are added up as other"
                yield Note("max_series", message, dropped=rest * series_per_pool(len(pools.specs)))
            frames = table_frames(shown, plan.label_names, inactive_before)
        for frame in frames:
            yield frame
            await asyncio.sleep(0)

    async def _read(self) -> tuple[Plan, bytes, int]:
        try:
            async with self._session.read() as reader:
                if self._plan is None:
                    self._plan = await make_plan(self._settings, reader, self._session.database)
                unvalidated = (await reader.rows(_UNVALIDATED, self._plan.name))[0][0]
                return self._plan, await reader.copy(self._plan.query), unvalidated
        except PermissionDeniedError as error:
            grant = f"grant select on {self._settings.table} to {self._session.user}"
            raise PermissionDeniedError(f"{error}; run: {grant}") from None


def _build(settings: PoolsSettings, timeout_seconds: float, clients: Clients) -> Collector | None:
    if clients.postgres_source is None:
        return None
    return PoolsCollector(settings, clients.postgres("pools", timeout_seconds))


TYPE = CollectorType(
    name="pools",
    help="the jackpot pools and their integrity",
    section=CollectorSection(("pools",), PoolsSettings),
    metrics=METRICS,
    build=_build,
)
