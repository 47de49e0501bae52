"""Forecasts: where they lead, how wrong they say they are, and when they say nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

from jackpot_exporter.report.forecast import Forecast, fit_line, fit_seasons, forecast

HOUR, DAY = 3600.0, 86400.0
START = 1_700_000_000 // DAY * DAY


def points(days: float, value: Callable[[float], float], step: float = HOUR) -> list[tuple[float, float]]:
    return [(START + n * step, value(n * step / DAY)) for n in range(int(days * DAY / step) + 1)]


def swinging(day: float) -> float:
    return 100 + 2 * day + 40 * math.sin(2 * math.pi * day)


def by_name(found: tuple[Forecast, ...]) -> dict[str, Forecast]:
    return {one.fit.name: one for one in found}


def test_a_line_is_found_and_its_day_told() -> None:
    found = by_name(forecast(points(28, lambda day: 50 + 3 * day), 500))["linear"]

    assert found.fit.slope * DAY == pytest.approx(3)
    assert found.runs_out_at == pytest.approx(START + 150 * DAY, abs=HOUR)
    assert found.error == pytest.approx(0, abs=1e-6)


def test_the_error_is_that_on_data_it_has_not_seen() -> None:
    noise = random.Random(7)
    data = points(20, lambda day: 50 + 3 * day + noise.gauss(0, 5))
    times, values = (np.array(part) for part in zip(*data, strict=True))
    cut = round(len(data) * 0.75)
    slope, level = np.polyfit(times[:cut] - START, values[:cut], 1)
    expected = np.mean(np.abs(level + slope * (times[cut:] - START) - values[cut:]))

    found = by_name(forecast(data, 500))["linear"]

    assert found.error == pytest.approx(float(expected))
    assert found.held_seconds == pytest.approx(5 * DAY, abs=HOUR)


def test_what_swings_is_forecast_by_its_seasons() -> None:
    """The line sees the trend alone and would tell a day weeks too late: it is the peak that is too high."""
    found = forecast(points(28, swinging), 300)
    first = next(day / 24 for day in range(28 * 24, 10_000) if swinging(day / 24) >= 300)

    assert [one.fit.name for one in found] == ["seasonal", "linear"]
    assert found[0].error < 0.1 * found[1].error
    assert found[0].runs_out_at == pytest.approx(START + first * DAY, abs=DAY)
    assert found[1].runs_out_at == pytest.approx(START + 100 * DAY, abs=6 * DAY)


def test_weekdays_are_seen_after_two_weeks() -> None:
    def weekly(day: float) -> float:
        return 100.0 + (50 if int(START / DAY + day) % 7 < 2 else 0)

    short, long = forecast(points(14, weekly), 1000), forecast(points(28, weekly), 1000)

    assert by_name(long)["seasonal"].error < 1
    assert by_name(short)["seasonal"].error > 5  # three quarters of two weeks are too little for them


def test_seasons_agree_with_least_squares() -> None:
    """The rounds end where solving all at once does."""
    noise = random.Random(3)
    data = points(10, lambda day: swinging(day) + noise.gauss(0, 3))
    fit = fit_seasons(data)
    assert fit is not None
    times, values = (np.array(part) for part in zip(*data, strict=True))
    hours = (times % DAY // HOUR).astype(int)
    matrix = np.column_stack([(times - START) / DAY, np.eye(24)[hours]])
    solution = np.linalg.lstsq(matrix, values, rcond=None)[0]

    predicted = [fit.predict(at) for at in times]

    assert predicted == pytest.approx(list(matrix @ solution), abs=1e-6)


def test_the_range_holds_the_day_when_the_pace_was_uneven() -> None:
    """A growth that quickens: the line is late, and its earliest day says so."""
    data = points(28, lambda day: 100 + day**1.5)
    true = next(day / 24 for day in range(20_000) if 100 + (day / 24) ** 1.5 >= 400)

    found = by_name(forecast(data, 400))["linear"]

    assert found.runs_out_at is not None
    assert found.earliest is not None
    assert found.earliest <= found.runs_out_at
    assert found.runs_out_at > START + true * DAY
    assert found.earliest < START + 1.1 * true * DAY


@pytest.mark.parametrize("slope", [0.0, -1.0], ids=["still", "falling"])
def test_what_does_not_grow_never_runs_out(slope: float) -> None:
    for found in forecast(points(28, lambda day: 50 + slope * day), 100):
        assert found.runs_out_at is None


def test_what_is_full_already_runs_out_now() -> None:
    data = points(28, lambda _: 100)

    for found in forecast(data, 100):
        assert found.runs_out_at == data[-1][0]


def test_a_day_of_data_looks_ten_days_ahead() -> None:
    (found,) = forecast(points(1, lambda day: 50 + day), 1000)

    assert found.fit.name == "linear"
    assert found.runs_out_at is None
    assert found.horizon == START + 11 * DAY


@pytest.mark.parametrize("count", [0, 1, 23])
def test_too_little_gives_no_forecast(count: int) -> None:
    assert forecast(points(1, lambda day: day)[:count], 100) == ()


def test_gaps_do_no_harm() -> None:
    whole = points(28, lambda day: 50 + 3 * day)
    holed = [one for number, one in enumerate(whole) if not 100 < number < 300]

    assert fit_line(holed).slope == pytest.approx(fit_line(whole).slope)
