"""Single things that go wrong in the tables, and how each is put right again.

What is only counted (a payment that failed) stays, as it would; what is a state is taken back. Rows are found again by
an amount that nothing else has.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from psycopg import AsyncConnection

from ...pace import Pace
from . import faults

Connection = AsyncConnection[Any]

_EVENTS = {
    faults.COLLECTION_FAILED: """
        insert into payments (domain, method, status, amount_cents, processed_at)
        values ('collections', 'paypal', 'failed', 250000, now())""",
    faults.LARGE_PAYMENT_FAILED: """
        insert into payments (domain, method, status, amount_cents, processed_at)
        values ('distributions', 'wire_transfer', 'failed', 7500000, now())""",
    faults.BONUS_ABUSED: """
        insert into bonuses (type, status, amount_cents, is_suspicious, ended_at)
        values ('free_bet', 'active', 150000, true, now())""",
    faults.FRAUD: """
        insert into transactions (customer_id, kind, amount_cents, fraud_score, completed_at)
        values (17, 'withdrawal', 90000, 0.95, now())""",
    faults.ODD_TRANSACTION: """
        insert into transactions (customer_id, kind, amount_cents, is_anomaly, completed_at)
        values (18, 'bet', 4000, true, now())""",
    faults.LARGE_TRANSACTION: """
        insert into transactions (customer_id, kind, amount_cents, completed_at)
        values (19, 'deposit', 6000000, now())""",
}
"""Happen every second while the fault lasts."""

_STATES = {
    faults.SETTLEMENT_OVERDUE: (
        """insert into settlements (priority, amount_cents, created_at, due_at)
        values ('high', 1000001, now() - interval '25 hours', now() - interval '1 hour')""",
        "delete from settlements where amount_cents = 1000001",
    ),
    faults.SETTLEMENTS_WAITING: (
        "insert into settlements (priority, amount_cents) select 'low', 1000002 from generate_series(1, 150)",
        "delete from settlements where amount_cents = 1000002",
    ),
    faults.REVENUE_DIFFERS: (
        "update revenue_days set booked_cents = accounted_cents + 2000000 where day = current_date",
        "update revenue_days set booked_cents = accounted_cents",
    ),
    faults.PAYMENTS_WAITING: (
        """insert into payments (domain, method, amount_cents)
        select 'distributions', 'paypal', 1000003 from generate_series(1, 60)""",
        "delete from payments where amount_cents = 1000003",
    ),
    faults.BUDGET_EXCEEDED: (
        "update campaigns set spent_cents = budget_cents * 1.2 where name = 'derby-day'",
        "update campaigns set spent_cents = budget_cents * 0.6 where name = 'derby-day'",
    ),
    faults.ACCOUNT_DIFFERS: (
        "update balances set balance_cents = ledger_cents + 120000 where customer_id = 7",
        "update balances set balance_cents = ledger_cents",
    ),
    faults.LARGE_ADJUSTMENT: (
        """insert into adjustments (type, priority, amount_cents, approver_role)
        values ('balance_adjustment', 'high', 1200004, 'executive')""",
        "delete from adjustments where amount_cents = 1200004",
    ),
    faults.DISPUTE_FORGOTTEN: (
        """insert into adjustments (type, amount_cents, approver_role, is_disputed, created_at)
        values ('bet_correction', 10005, 'auto', true, now() - interval '3 days')""",
        "delete from adjustments where amount_cents = 10005",
    ),
    faults.APPROVAL_FORGOTTEN: (
        """insert into adjustments (type, amount_cents, approver_role, created_at)
        values ('fee_reversal', 10006, 'manager', now() - interval '26 hours')""",
        "delete from adjustments where amount_cents = 10006",
    ),
    faults.APPROVAL_LATE: (
        """insert into adjustments (type, amount_cents, approver_role, created_at)
        values ('fee_reversal', 10007, 'supervisor', now() - interval '2 hours')""",
        "delete from adjustments where amount_cents = 10007",
    ),
}
"""Begin once, and are taken back."""


class Mishaps:
    """Brings the faults that are on."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._pace = Pace()

    async def happen(self, connection: Connection, seconds: float, active: Collection[str]) -> None:
        for name, statement in _EVENTS.items():
            if name in active and self._pace.due(name, 1, seconds):
                await connection.execute(statement)
        for name, (begin, _) in _STATES.items():
            if name in active and name not in self._begun:
                await connection.execute(begin)
                self._begun.add(name)

    async def undo(self, connection: Connection, name: str) -> None:
        if name in _STATES:
            await connection.execute(_STATES[name][1])
            self._begun.discard(name)
