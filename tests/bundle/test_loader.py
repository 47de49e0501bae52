"""What the loader refuses: messages name the place and the remedy, the command exits with 2 and writes nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.small_packs import edit
from jackpot_exporter.bundle import load_packs
from jackpot_exporter.bundle.command import run
from jackpot_exporter.errors import InvalidInputError

ALERTS = "small/alerts.yaml"
OBJECTIVES = "small/objectives.yaml"
EXPR = "expr: sum by (service) (pool_amount) < ${minimum}"
QUANTILE = "sum by (service, le) (rate(call_seconds_bucket[5m]))) > ${limit_seconds}"

BROKEN = {
    "a typo in a metric": (
        ALERTS,
        EXPR,
        EXPR.replace("amount", "amuont"),
        "pool_amuont",
        'did you mean "pool_amount"?',
    ),
    "a typo in a metric of a case": (
        ALERTS,
        """{'pool_amount{service="demo",pool="a"}': "${minimum - 1}x5"}""",
        """{'pool_amonut{service="demo",pool="a"}': "${minimum - 1}x5"}""",
        "pool_amonut",
        'did you mean "pool_amount"?',
    ),
    "an unknown label": (ALERTS, EXPR, EXPR.replace("pool_amount", 'pool_amount{pol="a"}'), '"pol"', '"pool"'),
    "an unknown label to group by": (ALERTS, EXPR, EXPR.replace("(service)", "(servise)"), '"servise"', '"service"'),
    "an impossible threshold": (ALERTS, "limit_seconds: 0.5", "limit_seconds: 1", "can never fire", "stay below 1"),
    "a threshold between buckets": (ALERTS, "limit_seconds: 0.5", "limit_seconds: 0.4", "between two", "0.1 0.5 1"),
    "a missing case": (
        ALERTS,
        """      - {name: silent without data, series: {}, at: 2m, firing: []}\n""",
        "",
        "no case where it has no input",
        "written by hand",
    ),
    "a duplicate alert": (ALERTS, "- alert: CallsSlow", "- alert: PoolLow", "another alert has this name", "rename"),
    "bad PromQL": (ALERTS, EXPR, "expr: sum by (service (pool_amount) < ${minimum}", "is not PromQL", ""),
    "an unknown function": (ALERTS, EXPR, EXPR.replace("sum by (service) (", "summ("), "is not PromQL", ""),
    "a bad duration": (ALERTS, "for: 1m", "for: 1 minute", '"1 minute" is not a duration', "5m"),
    "a duration without a unit": (ALERTS, "for: 1m", "for: 60", "text with a unit", "30s"),
    "a tab": (ALERTS, "    for: 1m", "\tfor: 1m", "not valid YAML", "YAML takes no tabs"),
    "an unknown key": (ALERTS, "    for: 1m", "    fro: 1m", "alerts[0].fro", "did you mean"),
    "an unknown severity": (ALERTS, "severity: warning", "severity: urgent", "severity", "'critical', 'warning'"),
    "an unknown channel": (ALERTS, "channels: [dba]", "channels: [dbas]", '"dbas"', 'did you mean "dba"?'),
    "an unknown group": (ALERTS, "    kind: business", "    group: big\n    kind: business", '"big"', "small"),
    "a digest that loses the alert": (
        ALERTS,
        "keep_firing_for: 1h",
        "keep_firing_for: 30m",
        "would lose it",
        "keep_firing_for: 1h or more",
    ),
    "a range beyond retention": (ALERTS, EXPR, EXPR.replace("_amount)", "_amount offset 16d)"), "16d", "retention"),
    "a value that is not there": (ALERTS, "values: {minimum: 100}", "values: {minimun: 100}", '"minimum"', "minimun"),
    "a value that is not used": (ALERTS, "{minimum: 100}", "{minimum: 100, other: 1}", '"other"', "drop it"),
    "a template that is not understood": (ALERTS, "{{ $value }}", "{{ $value | toTime }}", "toTime", "humanize"),
    "a label that the alert has not": (
        ALERTS,
        "Calls of {{ $labels.service }}",
        "Calls of {{ $labels.pool }}",
        '"pool"',
        "",
    ),
    "an expected value left out": (ALERTS, ', value: "${minimum - 1}"', "", "$value", "add value"),
    "a time at which nothing is evaluated": (
        ALERTS,
        'series: {\'pool_amount{service="demo",pool="a"}\': "${minimum}x5"}\n        at: 2m',
        'series: {\'pool_amount{service="demo",pool="a"}\': "${minimum}x5"}\n        at: 90s',
        "no multiple",
        "`every`",
    ),
    "values that YAML takes for a number": (ALERTS, '"${minimum}x5"', "0x5", "valid string", ""),
    "a bucket that is not there": (
        OBJECTIVES,
        'bad: sum by (service) (increase(calls_total{outcome="error"}[${window}]))',
        'bad: sum by (service) (increase(call_seconds_bucket{le="0.2"}[${window}]))',
        'no bucket le="0.2"',
        "buckets: 0.1 0.5 1.0 +Inf",
    ),
    "a burn rate that can never fire": (
        OBJECTIVES,
        "target: 99",
        "target: 90\n    windows: [1h]",
        "14.4x",
        "leave 1h out",
    ),
    "an objective beyond 100 %": (OBJECTIVES, "target: 99", "target: 100", "less than 100", ""),
    "an unknown metric of a recording": (
        "small/pack.yaml",
        "rate(calls_total",
        "rate(cals_total",
        "cals_total",
        "did you",
    ),
    "a pack that is not called like its folder": (
        "small/pack.yaml",
        "name: small",
        "name: tiny",
        '"tiny"',
        "name it small",
    ),
}


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_broken_pack_is_refused_with_place_and_remedy(
    broken: str, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, old, new, message, remedy = BROKEN[broken]
    line = edit(small, name, old, new)

    status = run(tmp_path / "out", packs=small)

    said = capsys.readouterr().err
    assert status == 2
    assert message in said
    assert remedy in said
    assert f"{name}:" in said
    assert _names_a_line_near(said, name, line)
    assert not (tmp_path / "out").exists()


def _names_a_line_near(said: str, name: str, line: int) -> bool:
    """The place is that of the entry's part, which may begin some lines above or below the edit."""
    places = [int(place) for place in re.findall(rf"{re.escape(name)}:(\d+):", said)]
    return any(abs(place - line) <= 12 for place in places)


def test_the_small_pack_is_right(small: Path) -> None:
    loaded = load_packs(small)

    assert [alert.name for alert in loaded.alerts] == ["PoolLow", "CallsSlow", "SmallCallsErrorBudgetBurn"]


def test_all_problems_are_reported_at_once(small: Path) -> None:
    edit(small, ALERTS, EXPR, EXPR.replace("amount", "amuont"))
    edit(small, ALERTS, "channels: [dba]", "channels: [dbas]")
    edit(small, OBJECTIVES, "channels: [slack]", "channels: [slak]")

    with pytest.raises(InvalidInputError) as caught:
        load_packs(small)

    text = str(caught.value)
    assert all(word in text for word in ("pool_amuont", "dbas", "slak"))
    lines = [problem.place.line for problem in caught.value.problems if problem.place and ALERTS in problem.place.path]
    assert lines == sorted(lines)


def test_windows_that_cannot_fire_are_dropped_and_reported(small: Path) -> None:
    edit(small, OBJECTIVES, "target: 99", "target: 80")
    edit(small, OBJECTIVES, '          - {labels: {service: demo, severity: critical}, value: "${10 * budget}"}\n', "")

    loaded = load_packs(small)

    assert [str(window.long) for window in loaded.packs[0].objectives[0].windows] == ["1d", "3d"]
    assert [remark for remark in loaded.remarks if "14.4x" in remark]
    assert [remark for remark in loaded.remarks if "6x" in remark]
