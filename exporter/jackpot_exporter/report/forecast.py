"""When a resource runs out: a line, and a line with the hours of the day (and days of the week) on top.

Both are judged alike before they are believed: fitted to the first three quarters of what is known, and compared with
the last quarter, which they have not seen. The one with the smaller error is told first, and its error with it. A
forecast looks ahead at most ten times as far as it looks back, so a day of data tells nothing of next year.

Least squares by hand: one regression and some means do not justify a library of statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression

_HOUR = 3600.0
_DAY = 86400.0
_WEEK = 7 * _DAY
_HELD_SHARE = 0.25
_POINTS_MIN = 24
_AHEAD = 10
_ROUNDS = 20

Points = Sequence[tuple[float, float]]
Predict = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Fit:
    """A model with its numbers; `slope` in units a second."""

    name: str
    slope: float
    predict: Predict


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one model expects, and how wrong it was on data that it had not seen."""

    fit: Fit
    error: float
    """Mean absolute error on the held-back data, in the unit of the data."""
    relative_error: float
    """The same as a share of the mean of the held-back data."""
    held_seconds: float
    horizon: float
    """Until when it looks."""
    runs_out_at: float | None
    """None: not before the horizon."""
    earliest: float | None = None
    latest: float | None = None
    """If the slope is wrong by as much as the held-back data showed; None as above."""


def fit_line(points: Points) -> Fit:
    slope, intercept = _regress(points)
    start = points[0][0]
    return Fit("linear", slope, lambda at: intercept + slope * (at - start))


def fit_seasons(points: Points) -> Fit | None:
    """A line with the mean departure of each hour, and after two weeks of each weekday. None below two days."""
    span = points[-1][0] - points[0][0]
    if span < 2 * _DAY - _HOUR:
        return None
    groupings: list[Callable[[float], int]] = [lambda at: int(at % _DAY // _HOUR)]
    if span >= 2 * _WEEK - _HOUR:
        groupings.append(lambda at: int(at % _WEEK // _DAY))
    seasons: list[dict[int, float]] = [{} for _ in groupings]
    line = fit_line(points)
    for _ in range(_ROUNDS):  # each part is fitted to what the others leave, until nothing moves
        for index, group in enumerate(groupings):
            rest = [(at, value - line.predict(at) - _season(at, groupings, seasons, index)) for at, value in points]
            seasons[index] = _means(rest, group)
        line = fit_line([(at, value - _season(at, groupings, seasons)) for at, value in points])
    fitted = line
    return Fit("seasonal", fitted.slope, lambda at: fitted.predict(at) + _season(at, groupings, seasons))


def forecast(points: Points, limit: float) -> tuple[Forecast, ...]:
    """Of each model that the data allow, the better one first; nothing for fewer than 24 points."""
    if len(points) < _POINTS_MIN or points[-1][0] <= points[0][0]:
        return ()
    cut = round(len(points) * (1 - _HELD_SHARE))
    seen, held = points[:cut], points[cut:]
    made = [_forecast(make, points, seen, held, limit) for make in (fit_line, fit_seasons)]
    return tuple(sorted((one for one in made if one), key=lambda one: one.error))


def _forecast(
    make: Callable[[Points], Fit | None], points: Points, seen: Points, held: Points, limit: float
) -> Forecast | None:
    trial, fit = make(seen), make(points)
    if trial is None or fit is None:
        return None
    error = fmean(abs(trial.predict(at) - value) for at, value in held)
    mean = fmean(abs(value) for _, value in held)
    held_seconds = held[-1][0] - seen[-1][0]
    end = points[-1][0]
    horizon = end + _AHEAD * (end - points[0][0])
    drift = error / (held_seconds / 2)
    return Forecast(
        fit,
        error,
        error / mean if mean else 0.0,
        held_seconds,
        horizon,
        *(_reaches(fit, limit, end, horizon, more) for more in (0.0, drift, -drift)),
    )


def _reaches(fit: Fit, limit: float, start: float, horizon: float, drift: float) -> float | None:
    """The first hour at which the model is at the limit, its slope being wrong by `drift`."""
    hours = int((horizon - start) // _HOUR)
    moments = (start + number * _HOUR for number in range(hours + 1))
    return next((at for at in moments if fit.predict(at) + drift * (at - start) >= limit), None)


def _regress(points: Points) -> tuple[float, float]:
    start = points[0][0]
    slope, intercept = linear_regression([at - start for at, _ in points], [value for _, value in points])
    return slope, intercept


def _season(
    at: float,
    groupings: Sequence[Callable[[float], int]],
    seasons: Sequence[dict[int, float]],
    without: int | None = None,
) -> float:
    return sum(
        season.get(group(at), 0.0)
        for index, (group, season) in enumerate(zip(groupings, seasons, strict=True))
        if index != without
    )


def _means(points: Points, group: Callable[[float], int]) -> dict[int, float]:
    """Of each group, less the mean of all: the level belongs to the line."""
    members: dict[int, list[float]] = {}
    for at, value in points:
        members.setdefault(group(at), []).append(value)
    means = {key: fmean(values) for key, values in members.items()}
    level = fmean(means.values())
    return {key: mean - level for key, mean in means.items()}
