"""What is unusual, by the shipped rules, in four weeks that were made: how much is found, and how much of it wrongly.

Two weeks pass first; in the two that follow something happens again and again, at hours of which each is used once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
import yaml

from harness.composition import ROOT
from harness.promtool import PROMTOOLS, run_promtool
from jackpot_exporter.tools import find

STEP_MINUTES = 2
WEEK_MINUTES = 7 * 24 * 60
QUIET_WEEKS, WEEKS = 2, 4
LENGTH_MINUTES = 45
AFTERGLOW_MINUTES = 45
"""The alert is kept for half an hour, and five minutes look back: what is told then still means the same."""

RECALL, PRECISION = 0.9, 0.9
"""At least. Measured: hands 23 of 23 and 97 % of the time told, registrations 22 of 23 and 100 %."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What happens a minute on average over a day, and how often it changes by how much."""

    name: str
    a_minute: float
    factors: Sequence[float]
    """Of what is to be found."""
    harmless: Sequence[float]
    """Of what may not alert."""


HANDS = Activity("hands", 120, factors=[1.8, 0.4, 3, 0] * 5 + [1.8, 0.4, 3], harmless=[1.15, 0.87] * 3)
REGISTRATIONS = Activity("registrations", 4, factors=[3, 6] * 11 + [3], harmless=[1.3, 0.7] * 3)


@dataclass(frozen=True, slots=True)
class Event:
    start: int
    factor: float

    def covers(self, minute: int) -> bool:
        return self.start <= minute < self.start + LENGTH_MINUTES


def events_of(activity: Activity, factors: Sequence[float], offset: int) -> list[Event]:
    """Spread over the last two weeks, every one at another hour of the week."""
    apart = (WEEKS - QUIET_WEEKS) * WEEK_MINUTES // len(factors)
    return [
        Event(QUIET_WEEKS * WEEK_MINUTES + offset + number * apart, factor) for number, factor in enumerate(factors)
    ]


def usual(activity: Activity, minute: int) -> float:
    """Evenings are busy, nights are not, weekends are busier, and it grows a little every week."""
    hour, day = minute / 60 % 24, minute // (24 * 60) % 7
    daily: float = 1 - 0.8 * math.cos((hour - 8) / 24 * 2 * math.pi)
    return activity.a_minute * daily * (1.5 if day in (5, 6) else 1) * math.pow(1.02, minute / WEEK_MINUTES)


def counter(activity: Activity, events: Sequence[Event], random: Random) -> Iterator[int]:
    """Counts vary as counts do, around a mood that comes and goes within an hour or so."""
    total, mood = 0.0, 0.0
    for minute in range(0, WEEKS * WEEK_MINUTES, STEP_MINUTES):
        mood = 0.96 * mood + random.gauss(0, 0.015)
        factor = math.prod(event.factor for event in events if event.covers(minute))
        mean = usual(activity, minute) * STEP_MINUTES * math.exp(mood) * factor
        total += max(0, round(random.gauss(mean, math.sqrt(mean))))
        yield int(total)


def truth(event: Event) -> str:
    """1 while it is right to alert on it; nothing else."""
    last = WEEKS * WEEK_MINUTES // STEP_MINUTES
    begins, lasts = event.start // STEP_MINUTES, (LENGTH_MINUTES + AFTERGLOW_MINUTES) // STEP_MINUTES
    return f"_x{begins} 1x{min(lasts, last - begins)} _x{max(0, last - begins - lasts - 1)}"


@pytest.mark.parametrize("activity", [HANDS, REGISTRATIONS], ids=lambda activity: activity.name)
def test_what_is_unusual_is_found_and_little_else(activity: Activity, tmp_path: Path) -> None:
    found = events_of(activity, activity.factors, offset=150)
    harmless = events_of(activity, activity.harmless, offset=950)
    assert not any(one.covers(other.start) or other.covers(one.start) for one in found for other in harmless)
    values = counter(activity, [*found, *harmless], Random(20))
    series = {f'poker_{activity.name}_total{{service="demo",instance="a:7777"}}': " ".join(map(str, values))}
    series |= {f'truth{{event="{number}"}}': truth(event) for number, event in enumerate(found)}
    firing = 'ALERTS{alertname="PokerUnusualActivity",alertstate="firing"}'
    span = f"[{WEEKS * 7}d:6m]"
    recall = f"count(max_over_time((truth and on () {firing}){span})) / {len(found)}"
    precision = (
        f"sum(count_over_time(({firing} and on () (count(truth) > 0)){span})) / sum(count_over_time({firing}{span}))"
    )

    verdict = run_promtool(
        find("promtool", PROMTOOLS["3.5"]),
        "test",
        "rules",
        _test_file(tmp_path, series, {recall: RECALL, precision: PRECISION}),
    )

    assert verdict.is_good, verdict.text


def _test_file(folder: Path, series: dict[str, str], at_least: dict[str, float]) -> Path:
    rules = yaml.safe_load((ROOT / "prometheus" / "rules" / "poker.yml").read_text())
    groups = [group for group in rules["groups"] if group["name"] == "poker-business"]
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    end = f"{WEEKS * WEEK_MINUTES - 6}m"
    document = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "6m",
        "tests": [
            {
                "interval": f"{STEP_MINUTES}m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f"({expr}) >= bool {limit}",
                        "eval_time": end,
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                    for expr, limit in at_least.items()
                ],
            }
        ],
    }
    file = folder / "seasonal_test.yml"
    file.write_text(json.dumps(document))
    return file
