"""Amounts in words: units that fit, digits that matter."""

from __future__ import annotations

import pytest

from jackpot_exporter.report.model import Amount, Period, Unit
from jackpot_exporter.report.wording import say


@pytest.mark.parametrize(
    ("amount", "unit", "words"),
    [
        (0, Unit.COUNT, "0"),
        (2.96, Unit.COUNT, "3"),
        (4.4, Unit.COUNT, "4.4"),
        (1_234_567.8, Unit.COUNT, "1,234,568"),
        (0, Unit.RATIO, "0 %"),
        (1, Unit.RATIO, "100 %"),
        (0.9995, Unit.RATIO, "99.950 %"),
        (0.999, Unit.RATIO, "99.90 %"),
        (0.95, Unit.RATIO, "95.0 %"),
        (0.00004, Unit.RATIO, "0.004 %"),
        (2.5, Unit.RATIO, "250.0 %"),
        (0, Unit.SECONDS, "0 s"),
        (0.00123, Unit.SECONDS, "1.23 ms"),
        (59.9, Unit.SECONDS, "59.9 s"),
        (61, Unit.SECONDS, "1 min 1 s"),
        (7200, Unit.SECONDS, "2 h"),
        (90_061, Unit.SECONDS, "1 d 1 h"),
        (-90, Unit.SECONDS, "-1 min 30 s"),
        (1023, Unit.BYTES, "1,023 B"),
        (1536, Unit.BYTES, "1.50 KiB"),
        (-(1024**3), Unit.BYTES, "-1 GiB"),
        (12_345, Unit.CENTS, "$123.45"),
        (-5, Unit.CENTS, "-$0.05"),
        (21.94, Unit.PER_SECOND, "21.9/s"),
        (1_772_352_000, Unit.TIME, "2026-03-01 08:00"),
        (float("inf"), Unit.BYTES, "without limit"),
        ("not taken", Unit.SECONDS, "not taken"),
        (None, Unit.CENTS, "no data"),
    ],
)
def test_amounts(amount: Amount, unit: Unit, words: str) -> None:
    assert say(amount, unit) == words


@pytest.mark.parametrize(
    ("hours", "minutes"),
    [(1, 1), (4, 1), (24, 5), (168, 60), (720, 240)],
    ids=["hour", "shift", "day", "week", "month"],
)
def test_a_chart_has_some_hundred_points_at_round_times(hours: int, minutes: int) -> None:
    period = Period(0, hours * 3600)

    assert period.step == minutes * 60
    assert period.seconds / period.step <= 300
