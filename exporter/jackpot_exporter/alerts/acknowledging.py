"""Taking an incident, and giving it back: a silence on its `incident` and `service`, which mutes every level."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..errors import MissingError
from .incidents import Incident, Silence, group
from .servers import Alertmanager


@dataclass(frozen=True, slots=True)
class Taken:
    """One incident that is now acknowledged, or no longer."""

    incident: str
    service: str
    silence: str


async def acknowledge(
    alertmanager: Alertmanager,
    name: str,
    service: str | None,
    lasting: timedelta,
    author: str,
    comment: str,
    now: datetime,
) -> list[Taken]:
    """Silence the incident on each service where it fires; a second time prolongs. MissingError when nothing fires."""
    silences = await alertmanager.silences()
    chosen = _choose(group(await alertmanager.alerts(), silences), name, service)
    taken = []
    for incident in chosen:
        matchers = {"incident": incident.name, "service": incident.service}
        earlier = next((one.id for one in silences if dict(one.matchers) == matchers), "")
        id_ = await alertmanager.silence(matchers, now + lasting, now, author, comment, earlier)
        taken.append(Taken(incident.name, incident.service, id_))
    return taken


async def release(alertmanager: Alertmanager, name: str, service: str | None) -> list[Taken]:
    """End the acknowledgements of an incident. MissingError when there is none."""
    held = [one for one in await alertmanager.silences() if _is_of(one, name, service)]
    if not held:
        raise MissingError(f"{_where(name, service)} is not acknowledged")
    for silence in held:
        await alertmanager.expire(silence)
    return [Taken(one.matchers["incident"], one.matchers.get("service", ""), one.id) for one in held]


def _choose(incidents: Sequence[Incident], name: str, service: str | None) -> list[Incident]:
    """By the name of the incident or of one of its alerts."""
    named = [
        incident
        for incident in incidents
        if name in (incident.name, *(alert.name for alert in incident.alerts if "escalation_level" not in alert.labels))
    ]
    found = [incident for incident in named if service in (None, incident.service)]
    if found:
        return found
    if named:
        raise MissingError(f"{name} fires, but not on {service}: on {', '.join(one.service for one in named)}")
    names = sorted({incident.name for incident in incidents})
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f'; did you mean "{near[0]}"?' if near else f"; firing: {', '.join(names) or 'nothing'}"
    raise MissingError(f'no incident "{name}" fires{hint}')


def _is_of(silence: Silence, name: str, service: str | None) -> bool:
    return silence.matchers.get("incident") == name and service in (None, silence.matchers.get("service"))


def _where(name: str, service: str | None) -> str:
    return f"{name} on {service}" if service else name
