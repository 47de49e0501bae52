"""The ring: growth without wins, curves in the order of now, no more than it may hold."""

from __future__ import annotations

import tracemalloc
from array import array
from collections.abc import Mapping

from jackpot_exporter.web.live.history import POINTS, STEP_SECONDS, History
from jackpot_exporter.web.live.pools import Amounts


def holding(pools: Mapping[str, float]) -> Amounts:
    return Amounts(
        tuple(f'pool="{name}"'.encode() for name in pools), array("d", pools.values()), len(pools), sum(pools.values())
    )


def test_growth_is_what_came_in_a_minute_without_wins() -> None:
    history = History()
    for number, amount in enumerate((100, 160, 220, 50, 110)):
        history.add(60.0 * (number + 1), holding({"mega": amount}), {})

    assert history.growth(360.0, holding({"mega": 170})) == [48.0]  # 240 cents in five minutes


def test_growth_of_a_new_pool_is_not_known() -> None:
    history = History()
    history.add(60.0, holding({"mega": 1}), {})

    assert history.growth(120.0, holding({"new": 5, "mega": 4})) == [None, 3.0]


def test_growth_is_not_known_before_there_are_two_points() -> None:
    history = History()

    assert history.growth(60.0, holding({"mega": 1})) == [None]
    history.add(60.0, holding({"mega": 1}), {})
    assert history.growth(60.0, holding({"mega": 1})) == [None]


def test_curves_are_of_the_pools_of_now() -> None:
    history = History()
    history.add(1.0, holding({"gone": 9, "mega": 1}), {"perSecond": 2.0})
    history.add(2.0, holding({"mega": 2, "new": 7.5}), {})

    assert history.document() == {
        "times": [1.0, 2.0],
        "names": ["mega\0", "new\0"],
        "amounts": [[1, 2], [None, 7.5]],
        "figures": {"perSecond": [2.0, None]},
    }


def test_what_is_not_newer_is_not_taken() -> None:
    history = History()
    history.add(5.0, holding({"mega": 1}), {})
    history.add(5.0, holding({"mega": 2}), {})

    assert history.document()["amounts"] == [[1]]


def test_a_thousand_pools_take_less_than_a_megabyte_for_ever() -> None:
    history = History()
    pools = {f"pool-{number}": float(number) for number in range(1000)}
    keys = holding(pools).keys
    tracemalloc.start()
    try:
        for number in range(3 * POINTS):
            amounts = Amounts(keys, array("d", pools.values()), 1000, 1.0)
            history.add((number + 1) * STEP_SECONDS, amounts, {"perSecond": 1.0})
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(history.document()["times"]) == POINTS
    assert used < 1_000_000
