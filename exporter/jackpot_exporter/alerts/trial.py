"""A marked test notification, sent through Alertmanager to one channel and watched until it has left.

Its configuration tells which kinds of message the alert's receivers send, its counters whether they have left. They
count by kind, so with other notifications at the same moment the count may be theirs.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from ..errors import MissingError, SourceTimeoutError
from .servers import Alertmanager

NAME = "TestNotification"
_ASKED = "alertmanager_notification_requests_total"
_FAILED = "alertmanager_notification_requests_failed_total"
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test notification."""

    receivers: tuple[str, ...]
    sent: Mapping[str, int]
    """By kind of receiver, as `slack`."""
    failed: Mapping[str, int]


async def try_channel(alertmanager: Alertmanager, channel: str, severity: str, within: float, now: datetime) -> Trial:
    """Send and watch. MissingError when no route leads to the channel, SourceTimeoutError when nothing leaves."""
    labels = _labels(channel, severity)
    before = await _counts(alertmanager)
    await alertmanager.post([_alert(labels, now, now + timedelta(seconds=within + 60))])
    try:
        receivers = await _receivers(alertmanager, labels["test"])
        if f"{channel}-{severity}" not in receivers and channel not in receivers:
            raise MissingError(f'no route leads to the channel "{channel}": it went to {", ".join(receivers)}')
        async with asyncio.timeout(within):
            return await _watch(alertmanager, receivers, before)
    except TimeoutError:
        text = f"nothing was sent to {channel} within {within:g} s; is group_wait longer, or is everything silenced?"
        raise SourceTimeoutError(text) from None
    finally:
        await alertmanager.post([_alert(labels, now, now)])


def _labels(channel: str, severity: str) -> dict[str, str]:
    return {
        "alertname": NAME,
        "incident": NAME,
        "pack": "test",
        "service": "test",
        "test": secrets.token_hex(4),
        "severity": severity,
        "priority": "P4",
        "notify": "immediate",
        "channels": f"/{channel}/",
    }


def _alert(labels: Mapping[str, str], starts: datetime, ends: datetime) -> dict[str, object]:
    annotations = {
        "summary": "This is a test. Nothing is wrong.",
        "description": f"Sent by `jackpot-exporter alerts test`, number {labels['test']}.",
    }
    times = {"startsAt": starts.isoformat(), "endsAt": ends.isoformat()}
    return {"labels": dict(labels), "annotations": annotations, **times}


async def _receivers(alertmanager: Alertmanager, test: str) -> tuple[str, ...]:
    for alert in await alertmanager.alerts():
        if alert.labels.get("test") == test:
            return alert.receivers
    raise MissingError("Alertmanager took the test alert and does not list it")


async def _watch(alertmanager: Alertmanager, receivers: tuple[str, ...], before: _Counts) -> Trial:
    """Until everything has left, or something of its kind failed."""
    wanted = await _wanted(alertmanager, receivers)
    while True:
        after = await _counts(alertmanager)
        sent, failed = after.sent - before.sent, after.failed - before.failed
        if wanted <= sent or any(failed[kind] for kind in wanted):
            return Trial(receivers, dict(wanted & sent), {kind: failed[kind] for kind in wanted if failed[kind]})
        await asyncio.sleep(_LOOK_SECONDS)


async def _wanted(alertmanager: Alertmanager, receivers: tuple[str, ...]) -> Counter[str]:
    """How many messages of which kind the receivers send for one alert."""
    wanted: Counter[str] = Counter()
    for receiver in await alertmanager.receivers():
        if receiver["name"] in receivers:
            for key, configs in receiver.items():
                if key.endswith("_configs"):
                    wanted[key.removesuffix("_configs")] += len(configs)
    return wanted


@dataclass(frozen=True, slots=True)
class _Counts:
    sent: Counter[str]
    failed: Counter[str]


async def _counts(alertmanager: Alertmanager) -> _Counts:
    asked: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for family in text_string_to_metric_families(await alertmanager.metrics()):
        for sample in family.samples:
            if sample.name == _ASKED:
                asked[sample.labels["integration"]] += int(sample.value)
            elif sample.name == _FAILED:
                failed[sample.labels["integration"]] += int(sample.value)
    return _Counts(asked - failed, failed)
