"""Alertmanager's configuration, `alertmanager/alertmanager.yml`.

Only keys that the oldest supported Alertmanager knows are written, unless the routing names a newer one. What a
message says stands in `alertmanager/templates/`, written by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .. import yamltext
from ..model import Artifact, PackSet
from ..receivers import Secret, configs_of
from ..routes import Inhibition, Route, plan
from ..routing import Digest, Routing

_NAMED_INHIBITIONS = (0, 33)


def compile_alertmanager(packs: PackSet) -> Iterable[Artifact]:
    """`alertmanager/alertmanager.yml`."""
    found, routing = plan(packs), packs.routing
    document = {
        "global": _global(routing),
        "templates": ["templates/*.tmpl"],
        "route": _route(found.root),
        "inhibit_rules": [_inhibition(rule, routing) for rule in found.inhibitions],
        "time_intervals": [_interval(name, digest) for name, digest in found.digests.items()],
        "receivers": [
            {"name": name, **{kind: [_with_files(one, routing) for one in many] for kind, many in configs.items()}}
            for name, configs in configs_of(found, routing).items()
        ],
    }
    yield Artifact("alertmanager/alertmanager.yml", yamltext.dump(document))


def _global(routing: Routing) -> dict[str, Any]:
    smtp = routing.smtp
    login = {
        "smtp_auth_username": smtp.username,
        "smtp_auth_password_file": f"{routing.secrets}/{smtp.password}",
    }
    return {
        "smtp_smarthost": smtp.smarthost,
        "smtp_from": smtp.from_,
        **(login if smtp.username else {}),
        "smtp_require_tls": smtp.require_tls,
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        **({"receiver": route.receiver} if route.receiver else {}),
        **({"matchers": [str(matcher) for matcher in route.matchers]} if route.matchers else {}),
        **({} if route.is_last else {"continue": True}),
        **({"group_by": list(route.group_by)} if route.group_by else {}),
        **{name: str(span) for name, span in _spans(route)},
        **({"active_time_intervals": [route.active]} if route.active else {}),
        **({"routes": [_route(child) for child in route.routes]} if route.routes else {}),
    }


def _spans(route: Route) -> Iterator[tuple[str, Any]]:
    for name in ("group_wait", "group_interval", "repeat_interval"):
        span = getattr(route, name)
        if span is not None:
            yield name, span


def _inhibition(rule: Inhibition, routing: Routing) -> dict[str, Any]:
    return {
        **({"name": rule.name} if routing.version >= _NAMED_INHIBITIONS else {}),
        "source_matchers": [str(matcher) for matcher in rule.source],
        "target_matchers": [str(matcher) for matcher in rule.target],
        **({"equal": list(rule.equal)} if rule.equal else {}),
    }


def _interval(name: str, digest: Digest) -> dict[str, Any]:
    times = [dict(zip(("start_time", "end_time"), span.split("-"), strict=True)) for span in digest.times]
    weekdays = {"weekdays": list(digest.weekdays)} if digest.weekdays else {}
    return {"name": name, "time_intervals": [{"times": times, **weekdays}]}


def _with_files(value: Any, routing: Routing) -> Any:
    """A secret under `key` becomes its path under `key_file`."""
    if isinstance(value, list):
        return [_with_files(one, routing) for one in value]
    if not isinstance(value, Mapping):
        return value
    return {
        (f"{key}_file" if isinstance(inner, Secret) else key): (
            f"{routing.secrets}/{inner.file}" if isinstance(inner, Secret) else _with_files(inner, routing)
        )
        for key, inner in value.items()
    }
