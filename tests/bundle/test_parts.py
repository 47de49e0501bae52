"""The small parts: durations, `${…}`, the templates of Go, and what an expression reads."""

from __future__ import annotations

import pytest

from jackpot_exporter.bundle import promql, wording
from jackpot_exporter.bundle.alerts import channel_list, incident_of
from jackpot_exporter.bundle.durations import Duration
from jackpot_exporter.bundle.substitution import substitute


@pytest.mark.parametrize(
    ("text", "written"),
    [("90s", "1m30s"), ("1h30m", "1h30m"), ("1w", "7d"), ("24h", "1d"), ("0s", "0s"), ("1500ms", "1s500ms")],
)
def test_durations_are_written_as_prometheus_reads_them(text: str, written: str) -> None:
    assert str(Duration.parse(text)) == written


@pytest.mark.parametrize("text", ["", "5", "m", "1.5h", "5m1h", "-1m", "1 m"])
def test_what_prometheus_would_refuse_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("< ${limit}", "< 0.05"),
        ("[${window}]", "[5m]"),
        ("${1000 * limit - 1}x5", "49x5"),
        ("${-(limit + 1) / 2}", "-0.525"),
        ('le="${bucket(one)}"', 'le="1.0"'),
        ("${0.1 + 0.2}", "0.3"),
        ("nothing", "nothing"),
    ],
)
def test_substitution(text: str, filled: str) -> None:
    assert substitute(text, {"limit": 0.05, "window": "5m", "one": 1}) == filled


@pytest.mark.parametrize(
    "text",
    ["${nobody}", "${window + 1}", "${1 / 0}", "${__import__('os')}", "${limit.real}", "${2 ** 9}", "${(}", "${}"],
)
def test_substitution_refuses_what_is_not_arithmetic(text: str) -> None:
    with pytest.raises(ValueError, match=r"\$\{|\"|divides"):
        substitute(text, {"limit": 0.05, "window": "5m"})


# As Prometheus 2.42 and 3.5 showed them.
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1.234567e+06|1.235M|14d 6h 56m 7s|1.235e+08%|1.177Mi|1234567.00"),
        (1000000, "1e+06|1M|11d 13h 46m 40s|1e+08%|976.6ki|1000000.00"),
        (0.00001234, "1.234e-05|12.34u|12.34us|0.001234%|1.234e-05|0.00"),
        (0.0001, "0.0001|100u|100us|0.01%|0.0001|0.00"),
        (93784.567, "93784.567|93.78k|1d 2h 3m 4s|9.378e+06%|91.59ki|93784.57"),
        (59.99999, "59.99999|60|60s|6000%|60|60.00"),
        (-0.2505, "-0.2505|-250.5m|-250.5ms|-25.05%|-0.2505|-0.25"),
        (0, "0|0|0s|0%|0|0.00"),
    ],
)
def test_values_are_shown_as_prometheus_shows_them(value: float, shown: str) -> None:
    functions = ("", " | humanize", " | humanizeDuration", " | humanizePercentage", " | humanize1024")
    template = "|".join(f"{{{{ $value{function} }}}}" for function in functions)

    assert wording.render(template + '|{{ $value | printf "%.2f" }}', {}, value) == shown


def test_an_expression_tells_what_it_reads() -> None:
    read = promql.read(
        'sum by (service) (rate(a_total{x="1",y=~"b|c"}[5m] offset 1w)) '
        '/ on (job) group_left (z) max_over_time(b[1d:5m]) > 0 and label_replace(c, "w", "1", "", "")'
    )

    assert {selector.name: str(selector.reach) for selector in read.selectors} == {
        "a_total": "7d5m",
        "b": "1d",
        "c": "0s",
    }
    assert read.selectors[0].matched == {"x", "y"}
    assert read.selectors[0].equal == {"x": "1"}
    assert read.grouped_by == {"service", "job", "z"}
    assert read.created == {"w"}


@pytest.mark.parametrize(
    ("name", "incident"),
    [
        ("JackpotErrorRatioHigh", "JackpotErrorRatio"),
        ("JackpotLatencyP1", "JackpotLatency"),
        ("JackpotDatabasePoolExhausted", "JackpotDatabasePool"),
        ("JackpotServiceDown", "JackpotServiceDown"),
    ],
)
def test_incident_is_the_name_without_its_variant(name: str, incident: str) -> None:
    assert incident_of(name) == incident


def test_channels_are_slash_delimited() -> None:
    assert channel_list(["slack", "email"]) == "/email/slack/"
    assert channel_list([]) == "/"
