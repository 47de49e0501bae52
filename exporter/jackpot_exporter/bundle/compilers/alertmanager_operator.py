"""The routing as AlertmanagerConfig for the Prometheus operator, `alertmanager/operator/alertmanager-config.yaml`.

Secrets are keys of one Kubernetes secret. The templates are no part of this object: mount
`alertmanager/templates/` from a ConfigMap and name it in the Alertmanager object. Our alerts carry no label
`namespace`, which the operator would ask for: set `alertmanagerConfigMatcherStrategy: {type: None}` there too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .. import yamltext
from ..model import Artifact, PackSet
from ..receivers import Configs, Secret, configs_of
from ..routes import Inhibition, Matcher, Route, plan
from ..routing import Digest, Routing, Smtp

_SECRET = "jackpot-alertmanager"  # noqa: S105 - the name of a Kubernetes object
_SPELLINGS = {
    "api_url": "apiURL",
    "chat_id": "chatID",
    "client_url": "clientURL",
    "links": "pagerDutyLinkConfigs",
}


def compile_alertmanager_operator(packs: PackSet) -> Iterable[Artifact]:
    """`alertmanager/operator/alertmanager-config.yaml`."""
    # The operator reads every secret itself, whatever the version of Alertmanager.
    routing = packs.routing.model_copy(update={"alertmanager_version": "0.26"})
    found = plan(packs)
    document = {
        "apiVersion": "monitoring.coreos.com/v1alpha1",
        "kind": "AlertmanagerConfig",
        "metadata": {"name": "jackpot-exporter", "labels": {"app.kubernetes.io/name": "jackpot-exporter"}},
        "spec": {
            "route": _route(found.root),
            "inhibitRules": [_inhibition(rule) for rule in found.inhibitions],
            "muteTimeIntervals": [_interval(name, digest) for name, digest in found.digests.items()],
            "receivers": [_receiver(name, configs, routing) for name, configs in configs_of(found, routing).items()],
        },
    }
    yield Artifact("alertmanager/operator/alertmanager-config.yaml", yamltext.dump(document))


def _route(route: Route) -> dict[str, Any]:
    spans = {"groupWait": route.group_wait, "groupInterval": route.group_interval}
    spans["repeatInterval"] = route.repeat_interval
    return {
        **({"receiver": route.receiver} if route.receiver else {}),
        **({"matchers": [_matcher(matcher) for matcher in route.matchers]} if route.matchers else {}),
        **({} if route.is_last else {"continue": True}),
        **({"groupBy": list(route.group_by)} if route.group_by else {}),
        **{name: str(span) for name, span in spans.items() if span is not None},
        **({"activeTimeIntervals": [route.active]} if route.active else {}),
        **({"routes": [_route(child) for child in route.routes]} if route.routes else {}),
    }


def _matcher(matcher: Matcher) -> dict[str, str]:
    return {"name": matcher.name, "matchType": matcher.operator, "value": str(matcher.value)}


def _inhibition(rule: Inhibition) -> dict[str, Any]:
    return {
        "sourceMatch": [_matcher(matcher) for matcher in rule.source],
        "targetMatch": [_matcher(matcher) for matcher in rule.target],
        **({"equal": list(rule.equal)} if rule.equal else {}),
    }


def _interval(name: str, digest: Digest) -> dict[str, Any]:
    times = [dict(zip(("startTime", "endTime"), span.split("-"), strict=True)) for span in digest.times]
    weekdays = {"weekdays": list(digest.weekdays)} if digest.weekdays else {}
    return {"name": name, "timeIntervals": [{"times": times, **weekdays}]}


def _receiver(name: str, configs: Configs, routing: Routing) -> dict[str, Any]:
    if "email_configs" in configs:
        sender = _sender(routing.smtp)
        configs = {**configs, "email_configs": [one | sender for one in configs["email_configs"]]}
    return {"name": name, **{_camel(kind): [_object(one) for one in many] for kind, many in configs.items()}}


def _sender(smtp: Smtp) -> dict[str, Any]:
    login = {"authUsername": smtp.username, "authPassword": Secret(smtp.password)} if smtp.username else {}
    return {"from": smtp.from_, "smarthost": smtp.smarthost, **login, "requireTLS": smtp.require_tls}


def _object(value: Any) -> Any:
    if isinstance(value, Secret):
        return {"name": _SECRET, "key": value.file}
    if isinstance(value, list):
        return [_object(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    return {_SPELLINGS.get(key, _camel(key)): _SHAPES.get(key, _object)(inner) for key, inner in value.items()}


def _pairs(value: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": text} for key, text in value.items()]


def _links(value: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{"href": link["href"], "alt": link["text"]} for link in value]


_SHAPES: dict[str, Callable[[Any], Any]] = {"headers": _pairs, "details": _pairs, "links": _links}


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)
