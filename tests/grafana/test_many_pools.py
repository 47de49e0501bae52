"""With 10,000 pools no panel drowns, and no query makes anyone wait."""

from __future__ import annotations

import pytest

from harness.dashboard_queries import Asked, ask_about_pools
from harness.pool_history import prometheus_with_pools
from jackpot_exporter.bundle import load_packs


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    with prometheus_with_pools(pools=10_000, minutes=2) as history:
        return list(ask_about_pools(load_packs().dashboards, history, span_seconds=120))


def test_no_panel_draws_more_than_fifty_series(asked: list[Asked]) -> None:
    assert [one for one in asked if one.series > 50] == []


def test_the_pools_are_there_to_be_drawn(asked: list[Asked]) -> None:
    found = {one.panel: one.series for one in asked if one.dashboard == "jackpot-pools"}

    assert found["Course of the largest pools"] == 10
    assert found["Busiest pools"] == 10
    assert found["Last wins"] == 20


def test_no_query_takes_two_seconds(asked: list[Asked]) -> None:
    assert [one for one in asked if one.seconds >= 2] == []
