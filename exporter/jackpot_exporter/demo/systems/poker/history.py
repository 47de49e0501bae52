"""What the demo's Prometheus remembers of the same hours one and two weeks ago: evenings of the usual kind.

Spread wide, so that a second in which the machine is busy is not unusual; a burst is.
"""

from __future__ import annotations

from collections.abc import Iterator

from .floor import HANDS_A_SECOND, REGISTRATIONS_A_SECOND

_WEEK_SECONDS = 7 * 86_400
_STEP_SECONDS = 60
_BEFORE_SECONDS, _AFTER_SECONDS = 3_600, 28_800
_SPREAD = 0.4


def usual_evenings(now: float) -> str:
    """OpenMetrics text: what is recorded in ten seconds, the demo's five minutes, for a working day."""
    return "".join([*_lines(now), "# EOF\n"])


def _lines(now: float) -> Iterator[str]:
    name = "service:poker_activity:increase5m"
    for activity, a_second in (("hands", HANDS_A_SECOND), ("registrations", REGISTRATIONS_A_SECOND)):
        for weeks in (2, 1):
            middle = int(now) - weeks * _WEEK_SECONDS
            for number, at in enumerate(range(middle - _BEFORE_SECONDS, middle + _AFTER_SECONDS, _STEP_SECONDS)):
                value = 10 * a_second * (1 + (_SPREAD if number % 2 else -_SPREAD))
                yield f'{name}{{activity="{activity}",service="poker"}} {value:g} {at}\n'
