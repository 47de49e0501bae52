"""A site's own values: what they change, and how they are judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackpot_exporter.bundle import PackSet, load_packs
from jackpot_exporter.errors import InvalidInputError


def load(small: Path, text: str) -> PackSet:
    values = small.parent / "own.yaml"
    values.write_text(text)
    return load_packs(small, values)


def refusal(small: Path, text: str) -> str:
    with pytest.raises(InvalidInputError) as caught:
        load(small, text)
    return str(caught.value)


def test_an_alert_is_changed_field_by_field(small: Path) -> None:
    loaded = load(
        small,
        "alerts: {PoolLow: {values: {minimum: 7}, for: 9m, keep_firing_for: 2h, severity: info, channels: [dba]}}",
    )

    rule = loaded.alerts[0].rules[0]
    assert rule.expr == "sum by (service) (pool_amount) < 7"
    assert (str(rule.hold), str(rule.keep)) == ("9m", "2h")
    assert (rule.labels["severity"], rule.labels["channels"], rule.labels["cooldown"]) == ("info", "/dba/", "2h")
    assert rule.labels["priority"] == "P1"


def test_alerts_objectives_and_packs_can_be_disabled(small: Path) -> None:
    fewer = load(small, "alerts: {PoolLow: {disabled: true}}\nobjectives: {small-calls: {disabled: true}}")
    none = load(small, "packs: {small: {disabled: true}}")

    assert [alert.name for alert in fewer.alerts] == ["CallsSlow"]
    assert none.packs == ()


def test_intervals_targets_and_links(small: Path) -> None:
    loaded = load(
        small,
        "runbook_url: https://other.example.com/R.md\n"
        "groups: {small: {interval: 1m}, small-objectives-slow: {interval: 5m}}\n"
        "objectives: {small-calls: {target: 98, channels: [dba]}}\n",
    )

    intervals = {group.name: str(group.interval) for group in loaded.packs[0].groups}
    assert intervals["small"] == "1m"
    assert intervals["small-objectives-slow"] == "5m"
    assert loaded.packs[0].objectives[0].budget == 0.02
    assert loaded.alerts[0].rules[0].annotations["runbook_url"] == "https://other.example.com/R.md#poollow"
    assert loaded.alerts[0].rules[0].annotations["dashboard_url"] == "https://grafana.example.com/d/small"
    assert loaded.alerts[-1].rules[0].labels["channels"] == "/dba/"


WRONG = {
    "an unknown alert": ("alerts: {PoolLo: {disabled: true}}", 'did you mean "PoolLow"?', 1),
    "an unknown value": ("alerts:\n  PoolLow:\n    values: {minimun: 7}", 'did you mean "minimum"?', 3),
    "a value of another kind": ("alerts:\n  PoolLow:\n    values: {minimum: 5m}", "minimum is a number", 3),
    "an unknown objective": ("objectives: {small-call: {target: 98}}", 'did you mean "small-calls"?', 1),
    "an unknown group": ("groups: {smal: {interval: 1m}}", 'did you mean "small"?', 1),
    "an unknown pack": ("packs: {smal: {disabled: true}}", 'did you mean "small"?', 1),
    "an unknown channel": ("alerts:\n  PoolLow:\n    channels: [slak]", 'did you mean "slack"?', 3),
    "an impossible threshold": ("alerts:\n  CallsSlow:\n    values: {limit_seconds: 2}", "can never fire", None),
    "a digest that loses the alert": ("alerts:\n  CallsSlow:\n    keep_firing_for: 5m", "would lose it", 3),
    "a bad duration": ("alerts:\n  CallsSlow:\n    for: soon", '"soon" is not a duration', 3),
    "a burn rate that can never fire": (
        "objectives:\n  small-calls:\n    target: 90\n    windows: [1h]",
        "never happen",
        4,
    ),
    "an unknown key": ("alert: {}", "not a known setting", 1),
}


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_values_are_judged_like_packs(wrong: str, small: Path) -> None:
    text, message, line = WRONG[wrong]

    said = refusal(small, text)

    assert message in said
    if line is not None:
        assert f"own.yaml:{line}:" in said
