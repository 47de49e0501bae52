"""The simulated service's own numbers: windows that forget, percentiles that do not interpolate."""

from __future__ import annotations

import pytest

from jackpot_exporter.demo.measurements import Latency, Measurements, Operation, RecentCount, latency_of


class Clock:
    """A time that moves only when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_recent_count_forgets_what_is_older_than_its_window() -> None:
    clock = Clock()
    count = RecentCount(60, clock=clock)
    count.add()
    clock.now += 30
    count.add()

    assert count.total() == 2
    clock.now += 31
    assert count.total() == 1
    clock.now += 60
    assert count.total() == 0


def test_rate_is_over_the_time_since_the_start_until_the_window_is_full() -> None:
    clock = Clock()
    count = RecentCount(60, clock=clock)
    for _ in range(20):
        clock.now += 0.5
        count.add()

    assert count.per_second() == pytest.approx(2)
    clock.now += 30
    assert count.per_second() == pytest.approx(0.5)


def test_recent_count_keeps_no_more_than_its_steps() -> None:
    clock = Clock()
    count = RecentCount(60, steps=60, clock=clock)
    for _ in range(1_000):
        clock.now += 1
        count.add()

    assert count.total() == 60


@pytest.mark.parametrize(
    ("durations", "latency"),
    [
        pytest.param([], Latency(0, 0, 0, 0), id="nothing"),
        pytest.param([7.0], Latency(7, 7, 7, 7), id="one"),
        pytest.param([float(n) for n in range(1, 101)], Latency(50.5, 50, 95, 99), id="hundred"),
    ],
)
def test_percentiles_are_measured_durations(durations: list[float], latency: Latency) -> None:
    assert latency_of(durations) == latency


def test_every_timeout_counts_and_other_errors_do_not() -> None:
    measurements = Measurements()
    for error_type in ("timeout", "pool_timeout", "validation", None):
        measurements.finish(Operation.WIN, 1.0, error_type)

    assert (measurements.timeout_ratio(), measurements.error_ratio()) == (0.5, 0.75)


def test_growth_is_measured_from_the_first_sum_seen() -> None:
    measurements = Measurements()
    assert measurements.growth_ratio(100) == 0

    measurements.see_amount(100)

    assert measurements.growth_ratio(125) == 0.25
