"""The page for people at `/`: which collectors run, how they fare, and where the rest is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import escape

from .. import __version__
from ..telemetry import CollectorRecord, Telemetry

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884}"
    "td.number{text-align:right;font-variant-numeric:tabular-nums}.bad{font-weight:700}"
)
_LINKS = (
    ("/metrics", "metrics for Prometheus"),
    ("/-/healthy", "is it alive"),
    ("/-/ready", "has every collector finished once"),
)


def landing_page(telemetry: Telemetry, targets: list[str]) -> str:
    """The page as HTML, without script and without anything from elsewhere."""
    rows = "".join(_row(name, record) for name, record in telemetry.records())
    links = "".join(f'<li><a href="{path}">{path}</a> {escape(words)}</li>' for path, words in _links(targets))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>jackpot-exporter</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head><body>'
        f"<h1>jackpot-exporter {escape(__version__)}</h1><ul>{links}</ul>"
        f"<table><caption>Collectors</caption><thead><tr><th>collector</th><th>state</th><th>last success</th>"
        f"<th>series</th><th>failures</th></tr></thead><tbody>{rows}</tbody></table></body></html>"
    )


def _links(targets: list[str]) -> Iterator[tuple[str, str]]:
    yield from _LINKS
    for target in targets:
        yield f"/probe?target={escape(target, quote=True)}", f"metrics of {target}"


def _row(name: str, record: CollectorRecord) -> str:
    outcome = "not yet" if record.outcome is None else record.outcome.value
    mark = "" if record.outcome is None or record.outcome.is_success else ' class="bad"'
    age = "never" if record.last_success is None else f"{max(0.0, time.time() - record.last_success):.0f} s ago"
    return (
        f"<tr><td>{escape(name)}</td><td{mark}>{outcome}</td><td>{age}</td>"
        f'<td class="number">{record.series}</td><td class="number">{sum(record.failures.values())}</td></tr>'
    )
