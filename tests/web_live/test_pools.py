"""Pools read from the store's lines: all counted, the largest kept, names as they are."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from jackpot_exporter.exposition import render
from jackpot_exporter.model import Column, Frame, MetricSpec, Outcome, gauge
from jackpot_exporter.store import Batch, Store
from jackpot_exporter.telemetry import Telemetry
from jackpot_exporter.web.live.pools import PoolReader

AMOUNT = gauge("pool_amount_cents", "What the pool holds.", "pool", own=True)
STATUS = gauge("pool_status", "1 for the state.", "pool", "status", own=True)
HOSTILE = (
    '<script>alert("1")</script>',
    'a"} 1\nb{c="d',
    "back\\slash\\n",
    'pool="x",status="error"',
    ",status=",
    "} 7",
    "",
    "🎰 \N{RIGHT-TO-LEFT OVERRIDE}rtl",
)


def new_store() -> Store:
    return Store("jackpot", {"pools": 60.0}, Telemetry())


async def put(store: Store, *frames: Frame) -> None:
    families = await render(frames, "jackpot")
    await store.put(Batch("pools", families, (), Outcome.OK, 1.0, 0.1))


def amounts(pairs: Iterable[tuple[str, float]], spec: MetricSpec = AMOUNT, *more: str) -> Frame:
    found = list(pairs)
    return Frame([(name, *more) for name, _ in found], (Column(spec, [value for _, value in found]),))


async def test_names_come_out_as_they_went_in() -> None:
    store = new_store()
    states = Frame([(name, "inactive") for name in HOSTILE], (Column(STATUS, [1] * len(HOSTILE)),))
    await put(store, amounts((name, number) for number, name in enumerate(HOSTILE)), states)

    pools = await PoolReader(store, 100).pools()

    assert dict(zip(pools.names, pools.amounts.values, strict=True)) == {
        name: float(number) for number, name in enumerate(HOSTILE)
    }
    assert pools.columns["state"] == ["inactive"] * len(HOSTILE)


async def test_the_largest_are_kept_and_all_are_counted() -> None:
    store = new_store()
    await put(store, amounts((f"p{number}", number) for number in range(5000)))

    found = await PoolReader(store, 3).amounts()

    assert list(found.values) == [4999, 4998, 4997]
    assert (found.count, found.total) == (5000, sum(range(5000)))


async def test_what_is_below_zero_comes_first_however_small() -> None:
    store = new_store()
    await put(store, amounts([("rich", 1e9), ("owing", -1), ("poor", 5), ("lost", float("nan"))]))

    found = await PoolReader(store, 2).amounts()

    assert list(found.values) == [-1, 1e9]
    assert (found.count, found.below_zero) == (3, 1)


async def test_further_labels_tell_pools_of_one_name_apart() -> None:
    store = new_store()
    spec = AMOUNT.with_labels("game_id")
    await put(store, amounts([("mega", 2)], spec, "one"), amounts([("mega", 1)], spec, "two"))

    pools = await PoolReader(store, 10).pools()

    assert list(zip(pools.names, pools.labels, strict=True)) == [("mega", "game_id one"), ("mega", "game_id two")]


async def test_the_same_is_read_once() -> None:
    store = new_store()
    await put(store, amounts([("mega", 1)]))
    reader = PoolReader(store, 10)
    before = await reader.pools()

    again = await reader.pools()
    await put(store, amounts([("mega", 2)]))
    after = await reader.pools()

    assert again is before
    assert after.amounts.values[0] == 2
    assert after.amounts.keys[0] is before.amounts.keys[0]


@pytest.mark.parametrize("collected", [False, True], ids=["nothing collected", "table empty"])
async def test_no_pools_are_no_error(*, collected: bool) -> None:
    store = new_store()
    if collected:
        await put(store)

    pools = await PoolReader(store, 10).pools()

    assert (pools.amounts.count, list(pools.names)) == (0, [])
