"""What the desks of the back office do to its tables: the rows of one span of time.

A usual day's share of everything, smooth enough that a few seconds of it look like the day. Rows that a fault has left
are marked by amounts that nothing else has, and taken away when it ends.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection

from ...pace import Pace
from .faults import (
    ADJUSTMENTS_REJECTED,
    BONUSES_EXPIRING,
    BONUSES_IGNORED,
    PAYMENTS_SLOW,
    SETTLEMENTS_SLOW,
)

Connection = AsyncConnection[Any]

_PRIORITIES = ("high", "medium", "low")
_METHODS = ("wire_transfer", "paypal", "bank_transfer")
_BONUSES = ("welcome_bonus", "deposit_match", "free_bet")
_ADJUSTMENTS = ("balance_adjustment", "bet_correction", "bonus_adjustment", "fee_reversal", "limit_adjustment")
_ROLES = ("auto", "supervisor", "manager")
_CAMPAIGNS = {"welcome-week": 40_000, "derby-day": 25_000, "free-friday": 10_000}
_SATISFACTION = {"collections": 0.9, "distributions": 0.95, "free_play": 0.93, "balance": 0.98, "adjustment": 0.94}

_PAST = """
insert into balances (customer_id, account_status, balance_cents, ledger_cents)
select n, case when n %% 4 = 0 then 'inactive' else 'active' end, cents, cents
from generate_series(1, 2500) as n, lateral (select (n * 7919) %% 133500 as cents) as amount
on conflict do nothing
"""
_DAY = """
insert into revenue_days (day, booked_cents, accounted_cents, distributed_cents)
values (current_date, 12500000, 12500000, 8750000)
on conflict do nothing
"""
_CAMPAIGN = """
insert into campaigns (name, budget_cents, spent_cents, participants) values (%s, %s, %s, %s) on conflict do nothing
"""
_SCORE = "insert into satisfaction (domain, score) values (%s, %s)"
_SETTLEMENT = "insert into settlements (priority, amount_cents) values (%s, %s)"
_SETTLED = """
insert into settlements (priority, status, amount_cents, created_at, due_at, completed_at)
values (%s, 'completed', %s, now() - %s * interval '1 second', now() + interval '1 hour', now())
"""
_PAYMENT = """
insert into payments (domain, method, status, amount_cents, created_at, processed_at)
values (%s, %s, %s, %s, now() - %s * interval '1 second', now())
"""
_BONUS = """
insert into bonuses (campaign, type, status, amount_cents, issued_at, ended_at)
values (%s, %s, %s, %s, now() - interval '2 days', now())
"""
_TRANSACTION = """
insert into transactions (customer_id, kind, status, amount_cents, fraud_score, created_at, completed_at)
values (%s, %s, 'completed', %s, %s, now() - %s * interval '1 second', now())
"""
_ADJUSTMENT = """
insert into adjustments (type, priority, status, amount_cents, approver_role, created_at, decided_at)
values (%s, %s, %s, %s, %s, now() - interval '4 hours', now())
"""
_WORK_OFF = """
update settlements set status = 'processing' where id in (
    select id from settlements where status = 'pending' and amount_cents < 1000000 order by id desc offset 40 limit 5);
delete from settlements where id in (
    select id from settlements where status = 'processing' order by id limit (
        select greatest(0, count(*) - 12) from settlements where status = 'processing'));
"""


class Desk:
    """Writes a usual day."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._pace = Pace()

    async def begin(self, connection: Connection) -> None:
        """Accounts, campaigns and opinions from the past."""
        await connection.execute(_PAST.replace("%%", "%"))
        await connection.execute(_DAY)
        async with connection.cursor() as cursor:
            campaigns = [(name, dollars * 100, dollars * 60, 400) for name, dollars in _CAMPAIGNS.items()]
            await cursor.executemany(_CAMPAIGN, campaigns)
            await cursor.executemany(_SCORE, list(_SATISFACTION.items()))
            waiting = [(priority, 5_000) for priority in (*_PRIORITIES, "medium", "low") for _ in range(8)]
            await cursor.executemany(_SETTLEMENT, waiting)
            await cursor.executemany(
                "insert into payments (domain, method, amount_cents) values ('distributions', %s, 12500)",
                [(method,) for method in _METHODS for _ in range(5)],
            )
            await cursor.executemany(
                "insert into adjustments (type, priority, amount_cents, approver_role) values (%s, %s, 5000, %s)",
                [
                    (kind, priority, role)
                    for kind in _ADJUSTMENTS
                    for priority, role in zip(_PRIORITIES, _ROLES, strict=True)
                ],
            )

    async def work(self, connection: Connection, seconds: float, active: Collection[str]) -> None:
        """What is done in so many seconds."""
        rows: Mapping[str, Sequence[tuple[Any, ...]]] = {
            _SETTLEMENT: [(self._one(_PRIORITIES), self._dollars(500)) for _ in self._due("settlements", 2, seconds)],
            _SETTLED: [self._settled(active) for _ in self._due("settled", 2, seconds)],
            _PAYMENT: [self._payment(active) for _ in self._due("payments", 3, seconds)],
            _BONUS: [self._bonus(active) for _ in self._due("bonuses", 4, seconds)],
            _TRANSACTION: [self._transaction() for _ in self._due("transactions", 12, seconds)],
            _ADJUSTMENT: [self._adjustment(active) for _ in self._due("adjustments", 2, seconds)],
        }
        async with connection.cursor() as cursor:
            for statement, values in rows.items():
                await cursor.executemany(statement, values)
            await cursor.execute(_WORK_OFF)

    def _due(self, thing: str, per_second: float, seconds: float) -> range:
        return range(self._pace.due(thing, per_second, seconds))

    def _one(self, words: Sequence[str]) -> str:
        return self._chance.choice(words)

    def _dollars(self, most: int) -> int:
        return self._chance.randint(10, most) * 100

    def _nth(self, thing: str, share: float) -> bool:
        """Whether this one is one of so many, evenly spread."""
        return self._pace.due(thing, share, 1) > 0

    def _settled(self, active: Collection[str]) -> tuple[Any, ...]:
        minutes = 62 if SETTLEMENTS_SLOW in active else 23
        return self._one(_PRIORITIES), self._dollars(500), minutes * 60 * self._chance.uniform(0.9, 1.1)

    def _payment(self, active: Collection[str]) -> tuple[Any, ...]:
        domain = "distributions" if self._nth("distributions", 2 / 3) else "collections"
        hours = 5 if PAYMENTS_SLOW in active else 2.3
        status = "failed" if self._nth("failed", 0.01) else "completed"
        return domain, self._one(_METHODS), status, self._dollars(900), hours * 3600 * self._chance.uniform(0.9, 1.1)

    def _bonus(self, active: Collection[str]) -> tuple[Any, ...]:
        status = "active"
        if self._nth("expired", 0.5 if BONUSES_EXPIRING in active else 0.12):
            status = "expired"
        elif self._nth("redeemed", 0.1 if BONUSES_IGNORED in active else 0.75):
            status = "redeemed"
        return self._one(tuple(_CAMPAIGNS)), self._one(_BONUSES), status, self._dollars(350)

    def _transaction(self) -> tuple[Any, ...]:
        kind = self._one(("deposit", "withdrawal", "bet", "bet", "payout"))
        amount = self._chance.choices((300, 800, 5_000, 20_000), (90, 7, 2, 1))[0] * 100
        score = self._chance.betavariate(1, 12)
        return self._chance.randint(1, 2500), kind, amount, min(score, 0.7), self._chance.uniform(0.6, 1.8)

    def _adjustment(self, active: Collection[str]) -> tuple[Any, ...]:
        is_rejected = self._nth("rejected", 0.5 if ADJUSTMENTS_REJECTED in active else 0.05)
        status = "rejected" if is_rejected else "approved"
        return self._one(_ADJUSTMENTS), self._one(_PRIORITIES), status, self._dollars(900), self._one(_ROLES)
