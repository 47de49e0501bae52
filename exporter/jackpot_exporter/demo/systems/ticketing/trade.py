"""What is bought, paid, refunded and written to the chain: the rows of one span of time, and nothing of when."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from ...pace import Pace
from ...systemlog import SystemLog
from .faults import PAYMENTS_FAILING, PRICES_WRONG, REFUND_WAVE, SOLANA_FAILING

_ORDERS_PER_SECOND = 8.0
_LISTINGS_PER_SECOND = 1.0
_METHODS = (("card", 7), ("wallet", 2), ("transfer", 1))
_FAILURES = (("declined", 6), ("insufficient_funds", 3), ("gateway_timeout", 1))
_REASONS = (("customer_request", 6), ("event_changed", 2), ("event_cancelled", 1), ("duplicate", 1))
_RESALE_SHARE = 0.15
_SPELL_SECONDS = 15.0
"""A drop is seen against the time before: what stays low is soon the usual."""
_USUAL = {PAYMENTS_FAILING: 0.03, REFUND_WAVE: 0.02, SOLANA_FAILING: 0.01}
_BAD = {PAYMENTS_FAILING: 0.6, REFUND_WAVE: 0.5, SOLANA_FAILING: 0.5}

_PAYMENT = """
    insert into ticketing.payments (method, status, failure, amount_cents, created_at, finished_at)
    values (%s, %s, %s, %s, %s, %s)
"""
_TICKET = "insert into ticketing.tickets (market, price_cents) values (%s, %s)"
_REVENUE = "insert into ticketing.revenue (type, amount_cents) values (%s, %s)"
_REFUND = "insert into ticketing.refunds (reason, amount_cents) values (%s, %s)"
_LISTING = "insert into ticketing.listings (price_cents) values (%s)"
_TRANSACTION = """
    insert into ticketing.chain_transactions (kind, status, submitted_at, finished_at)
    values (%s, %s, %s, %s)
"""
_CLOSE_LISTINGS = """
    update ticketing.listings set closed_at = now()
    where closed_at is null and listed_at < now() - interval '1 minute'
"""

Connection = AsyncConnection[Any]
Rows = Sequence[tuple[Any, ...]]


class Trade:
    """Writes what customers do."""

    def __init__(self, log: SystemLog, chance: random.Random) -> None:
        self._log = log
        self._chance = chance
        self._pace = Pace()
        self._seconds = 0.0

    async def trade(self, connection: Connection, seconds: float, active: Collection[str]) -> None:
        orders = self._pace.due("orders", _ORDERS_PER_SECOND, seconds)
        payments = [self._payment(self._happens(PAYMENTS_FAILING, active)) for _ in range(orders)]
        # Orders that are not paid are tried again: what is sold does not hang on the gateway's bad days.
        self._seconds += seconds
        cheap = PRICES_WRONG in active and self._seconds % (2 * _SPELL_SECONDS) < _SPELL_SECONDS
        sold = [self._ticket(cheap=cheap) for _ in range(orders)]
        refunds = [self._refund() for _ in range(orders) if self._happens(REFUND_WAVE, active)]
        listed = [(self._chance.randint(2_000, 20_000),) for _ in self._listings(seconds)]
        chain = [self._transaction(market, self._happens(SOLANA_FAILING, active)) for market, _ in sold]
        rows = {
            _PAYMENT: payments,
            _TICKET: sold,
            _REVENUE: list(_revenue(sold)),
            _REFUND: refunds,
            _LISTING: listed,
            _TRANSACTION: chain,
        }
        async with connection.cursor() as cursor:
            for statement, values in rows.items():
                await cursor.executemany(statement, values)
            await cursor.execute(_CLOSE_LISTINGS)

    def _happens(self, fault: str, active: Collection[str]) -> bool:
        return self._chance.random() < (_BAD if fault in active else _USUAL)[fault]

    def _listings(self, seconds: float) -> range:
        return range(self._pace.due("listings", _LISTINGS_PER_SECOND, seconds))

    def _payment(self, fails: bool) -> tuple[Any, ...]:
        taken = self._chance.lognormvariate(-0.3, 0.5)
        failure = self._one_of(_FAILURES) if fails else None
        self._log.operation(
            "purchase",
            "ERROR" if fails else "SUCCESS",
            taken,
            error=failure,
            trace=f"{self._chance.getrandbits(64):016x}",
        )
        amount = self._chance.randint(2_000, 20_000)
        return self._one_of(_METHODS), "failed" if fails else "succeeded", failure, amount, *_span(taken)

    def _ticket(self, *, cheap: bool) -> tuple[Any, ...]:
        market = "resale" if self._chance.random() < _RESALE_SHARE else "primary"
        return market, self._chance.randint(4_000, 10_000) // (10 if cheap else 1)

    def _refund(self) -> tuple[Any, ...]:
        self._log.operation("refund", "SUCCESS", self._chance.uniform(0.05, 0.4))
        return self._one_of(_REASONS), self._chance.randint(4_000, 10_000)

    def _transaction(self, market: str, fails: bool) -> tuple[Any, ...]:
        kind = "transfer" if market == "resale" else "mint"
        return kind, "failed" if fails else "confirmed", *_span(self._chance.lognormvariate(0, 0.6))

    def _one_of(self, weighted: Sequence[tuple[str, int]]) -> str:
        return self._chance.choices([word for word, _ in weighted], [weight for _, weight in weighted])[0]


def _span(seconds: float) -> tuple[datetime, datetime]:
    """When something that has just ended began and ended."""
    now = datetime.now(UTC)
    return now - timedelta(seconds=seconds), now


def _revenue(sold: Rows) -> Iterable[tuple[str, int]]:
    for market, cents in sold:
        if market == "primary":
            yield "ticket_sale", cents
            yield "service_fee", cents // 10
        else:
            yield "resale_fee", cents // 10
            yield "royalty", cents // 20
