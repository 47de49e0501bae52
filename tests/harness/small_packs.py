"""A folder of packs with one small pack that is right, and a way to break it in one place."""

from __future__ import annotations

from pathlib import Path

SMALL = {
    "routing.yaml": """\
unrouted: slack
channels:
  slack: {who: the channel, slack: {channel: "#small"}}
  dba: {who: the database team, email: {to: dba@example.com}}
""",
    "values.yaml": """\
runbook_url: https://example.com/RUNBOOK.md
dashboard_url: https://grafana.example.com
retention: 15d
""",
    "small/pack.yaml": """\
name: small
title: Small
description: A pack for tests.
dashboard_uid: small
response_times: {P1: 15m}
metrics:
  pool_amount: {type: gauge, labels: [pool]}
  calls_total: {type: counter, labels: [outcome]}
  call_seconds: {type: histogram, buckets: [0.1, 0.5, 1]}
groups:
  small:
    interval: 30s
    recordings:
      - record: service:calls:rate5m
        help: Calls a second.
        expr: sum by (service) (rate(calls_total[5m]))
""",
    "small/alerts.yaml": """\
alerts:
  - alert: PoolLow
    expr: sum by (service) (pool_amount) < ${minimum}
    values: {minimum: 100}
    for: 1m
    keep_firing_for: 5m
    severity: critical
    priority: P1
    channels: [slack]
    kind: business
    summary: The pools hold little.
    description: '{{ $labels.service }} holds {{ $value }}; the minimum is ${minimum}.'
    runbook: Fill it up.
    cases:
      - name: fires below
        series: {'pool_amount{service="demo",pool="a"}': "${minimum - 1}x5"}
        at: 2m
        firing: [{labels: {service: demo}, value: "${minimum - 1}"}]
      - name: silent at the minimum
        series: {'pool_amount{service="demo",pool="a"}': "${minimum}x5"}
        at: 2m
        firing: []
      - {name: silent without data, series: {}, at: 2m, firing: []}

  - alert: CallsSlow
    expr: histogram_quantile(0.95, sum by (service, le) (rate(call_seconds_bucket[5m]))) > ${limit_seconds}
    values: {limit_seconds: 0.5}
    keep_firing_for: 1h
    severity: warning
    priority: P3
    notify: hourly
    channels: [dba]
    kind: symptom
    summary: Calls are slow.
    description: Calls of {{ $labels.service }} are slow.
    runbook: Wait.
    cases:
      - name: fires above
        series:
          call_seconds_bucket{service="demo",le="${bucket(limit_seconds)}"}: 0+1x10
          call_seconds_bucket{service="demo",le="1.0"}: 0+9x10
          call_seconds_bucket{service="demo",le="+Inf"}: 0+9x10
        at: 8m
        firing: [{labels: {service: demo}}]
      - name: silent below
        series: {'call_seconds_bucket{service="demo",le="${bucket(limit_seconds)}"}': 0+9x10}
        at: 8m
        firing: []
      - {name: silent without data, series: {}, at: 8m, firing: []}
""",
    "small/objectives.yaml": """\
objectives:
  - objective: small-calls
    title: the calls
    target: 99
    bad: sum by (service) (increase(calls_total{outcome="error"}[${window}]))
    total: sum by (service) (increase(calls_total[${window}]))
    channels: [slack]
    runbook: Look.
    cases:
      - name: fires far above
        every: 5m
        series:
          calls_total{service="demo",outcome="error"}: 0+${5000 * budget}x20
          calls_total{service="demo",outcome="ok"}: 0+${500 - 5000 * budget}x20
        at: 30m
        firing:
          - {labels: {service: demo, severity: critical}, value: "${10 * budget}"}
          - {labels: {service: demo, severity: warning}, value: "${10 * budget}"}
      - name: silent below
        every: 5m
        series:
          calls_total{service="demo",outcome="error"}: 0+${450 * budget}x20
          calls_total{service="demo",outcome="ok"}: 0+${500 - 450 * budget}x20
        at: 30m
        firing: []
      - {name: silent without data, series: {}, every: 5m, at: 30m, firing: []}
""",
}


def write_small(folder: Path) -> Path:
    """The small packs as files in `folder`."""
    for name, text in SMALL.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replace the only `old` of a file; the line where it stood."""
    file = folder / name
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
    file.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1
