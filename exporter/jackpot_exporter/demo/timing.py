"""The demo's own values: everything that the product waits for, shortened so that a person can watch it.

A page takes seconds in place of a minute, an escalation half a minute in place of a quarter of an hour. What is
shipped stays as it is; a site shortens or lengthens its times in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..bundle.model import Alert, Pack

_AT_ONCE = {"for": "0s", "keep_firing_for": "3s"}
_WINDOW = {"window": "10s"}
_SECOND = {"interval": "1s"}
_QUERY = {"interval": "1s", "timeout": "800ms"}
_ALERTS: Mapping[str, Mapping[str, Any]] = {
    "JackpotServiceDown": _AT_ONCE,
    "JackpotDatabaseDown": _AT_ONCE,
    "JackpotDatabaseSlow": {**_AT_ONCE, "values": {"limit_seconds": 0.02}},
    "JackpotIntegrityViolation": _AT_ONCE,
    "JackpotCacheDown": _AT_ONCE,
    "JackpotErrorRatioCritical": _AT_ONCE,
    "JackpotContributionLatencyCritical": {**_AT_ONCE, "values": _WINDOW},
    "JackpotDatabasePoolExhausted": _AT_ONCE,
    "JackpotPoolNegative": _AT_ONCE,
    "JackpotDatabaseDiskCritical": _AT_ONCE,
    "JackpotBackupMissing": _AT_ONCE,
    # An increase over an hour is extrapolated; the demo counts what it sees.
    "JackpotConfigChangesFrequent": {**_AT_ONCE, "values": {"limit": 1, "window": "10s"}},
    "PokerRestartLoop": {**_AT_ONCE, "values": {"limit": 1, "window": "20s"}},
    "EscalationUnacked": {"values": {"limit_seconds": 20}},
    "EscalationLevel2": {"values": {"matrix_seconds": 30, "fast_seconds": 30, "error_seconds": 60}},
    "EscalationLevel3": {"values": {"matrix_seconds": 60, "fast_seconds": 45}},
    "EscalationLevel4": {"values": {"matrix_seconds": 120}},
}
_GROUPS = ("jackpot-availability", "jackpot", "jackpot-business", "alerting", "postgres")
_DIGESTS = {"hourly": {"times": ["00:00-24:00"], "repeat": "55m", "interval": "30s"}}

_VALUES: Mapping[str, Any] = {
    "groups": {name: {"interval": "1s"} for name in _GROUPS},
    "alerts": _ALERTS,
    "routing": {"timing": {"group_wait": "0s", "group_interval": "1s"}, "digests": _DIGESTS},
}


@dataclass(frozen=True, slots=True)
class Timing:
    """How quick a stack is: between collections, scrapes and evaluations, and in its site's values."""

    collect: str
    evaluate: str
    values: Mapping[str, Any] = field(default_factory=dict)
    windows: Mapping[str, str] = field(default_factory=dict)
    """Of recordings, which no value changes: a minute of errors should not page for five."""
    pace: Mapping[tuple[str, ...], Mapping[str, str]] = field(default_factory=dict)
    """Of collectors that are quicker than the others, by the way to their block of settings."""

    def hasten(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The exporter's settings with the pace of each collector."""
        for way, pace in self.pace.items():
            block: Any = settings
            for step in way:
                block = block.setdefault(step, {})
            for one in block if isinstance(block, list) else [block]:
                one.update(pace)
        return settings

    def hasten_system(self, settings: dict[str, Any], queries: Iterable[str]) -> dict[str, Any]:
        """The same for a system, with its queries."""
        if not self.pace:
            return settings
        known = {way: pace for way, pace in {**self.pace, ("services",): _SECOND}.items() if way[0] in settings}
        hastened = replace(self, pace=known).hasten(settings)
        return {**hastened, "queries": dict.fromkeys(queries, _QUERY)}

    def with_packs(self, packs: Iterable[Pack]) -> Timing:
        """With values that shorten the times of these packs: whatever an alert waits for or looks back at."""
        if not self.values:
            return self
        quick = [alert for pack in packs for alert in pack.alerts if not alert.objective]
        alerts = {alert.name: _quick(alert) for alert in quick}
        groups = {alert.group: _SECOND for alert in quick}
        values = {
            **self.values,
            "alerts": {**alerts, **self.values["alerts"]},
            "groups": {**groups, **self.values["groups"]},
        }
        return replace(self, values=values)


def _quick(alert: Alert) -> dict[str, Any]:
    """A value that is a time is a window, or with the name `ago` an offset: what it looks back at is past a window."""
    windows = {
        name: "30s" if name == "ago" else "10s" for name, value in alert.values.items() if isinstance(value, str)
    }
    return {**_AT_ONCE, "notify": "immediate", **({"values": windows} if windows else {})}


SHIPPED = Timing("15s", "15s")

QUICK = Timing(
    "5s",
    "1s",
    _VALUES,
    {
        "service:jackpot_operations:rate5m": "10s",
        "service:jackpot_operation_errors_per_operations:ratio_rate5m": "10s",
        "service:backoffice_http_requests:rate5m": "10s",
        "service:poker_activity:increase5m": "10s",
    },
    {
        # It takes turns with everything else that is asked of PostgreSQL, also when every answer is slow.
        ("postgres",): {"interval": "1500ms", "timeout": "1400ms"},
        ("pools",): _SECOND,
        ("redis",): _SECOND,
        ("logs",): _SECOND,
        ("backups",): _SECOND,
        ("host", "filesystems"): _SECOND,
        # While its connections are all taken, the service needs a second to say so.
        ("service",): {"interval": "1500ms", "timeout": "1400ms"},
    },
)
