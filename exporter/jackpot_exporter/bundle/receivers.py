"""What each receiver of Alertmanager sends, with secrets as names of files and texts as names of templates.

The keys are those of `alertmanager.yml`; a compiler decides how a `Secret` is written there or elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .routes import Plan
from .routing import Destination, Routing, Webhook

Configs = dict[str, list[dict[str, Any]]]

_TOKEN_FILES = (0, 26)
_LINKS = (("Runbook", "runbook_url"), ("Dashboard", "dashboard_url"), ("Silence", "silence_url"))


@dataclass(frozen=True, slots=True)
class Secret:
    """The content of a file in the folder of secrets."""

    file: str


def configs_of(plan: Plan, routing: Routing) -> dict[str, Configs]:
    """By receiver, and in it by kind (`slack_configs`)."""
    named = {name: _configs(there, routing) for name, there in plan.receivers.items()}
    log = {"log": {"webhook_configs": [_webhook(routing.log)]}} if routing.log else {}
    beat = Webhook(url=routing.watchdog.url, credentials=routing.watchdog.credentials)
    watchdog = {"webhook_configs": [{**_webhook(beat), "send_resolved": False}]}
    return {"watchdog": watchdog, **log, **named}


def _configs(there: Destination, routing: Routing) -> Configs:
    found: Configs = {}
    if there.email:
        found["email_configs"] = [_email(there.email.to)]
    if there.pagerduty:
        found["pagerduty_configs"] = [_pagerduty(there.pagerduty.key, routing.endpoints.pagerduty)]
    if there.slack:
        found["slack_configs"] = [_slack(there.slack.channel, there.slack.url)]
    if there.sms:
        found["sns_configs"] = [_sms(there.sms.number, there.sms.region, routing.endpoints.sms)]
    if there.telegram:
        found["telegram_configs"] = [_telegram(there.telegram.chat, there.telegram.token, routing)]
    if there.webhook:
        found["webhook_configs"] = [_webhook(there.webhook)]
    return found


def _text(name: str) -> str:
    return f'{{{{ template "jackpot.{name}" . }}}}'


def _email(to: str) -> dict[str, Any]:
    return {
        "to": to,
        "headers": {"Subject": _text("email.subject")},
        "html": _text("email.html"),
        "text": _text("email.text"),
        "send_resolved": True,
    }


def _slack(channel: str, url: str) -> dict[str, Any]:
    return {
        "api_url": Secret(url),
        "channel": channel,
        "color": _text("slack.color"),
        "title": _text("title"),
        "title_link": _text("alerts_url"),
        "text": _text("slack.text"),
        "fallback": _text("title"),
        "actions": [{"type": "button", "text": text, "url": _text(name)} for text, name in _LINKS],
        "send_resolved": True,
    }


def _pagerduty(key: str, url: str | None) -> dict[str, Any]:
    details = ("since", "severity", "priority", "runbook_url", "dashboard_url", "silence_url")
    return {
        "routing_key": Secret(key),
        **({"url": url} if url else {}),
        "description": _text("title"),
        "severity": _text("pagerduty.severity"),
        "class": _text("pagerduty.class"),
        "component": _text("pagerduty.component"),
        "group": _text("pagerduty.group"),
        "client": "Alertmanager",
        "client_url": _text("alerts_url"),
        "details": {name.removesuffix("_url"): _text(name) for name in details} | {"text": _text("text")},
        "links": [{"href": _text(name), "text": text} for text, name in _LINKS],
        "send_resolved": True,
    }


def _sms(number: str, region: str, url: str | None) -> dict[str, Any]:
    return {
        **({"api_url": url} if url else {}),
        "sigv4": {"region": region},
        "phone_number": number,
        "message": _text("sms"),
        "send_resolved": True,
    }


def _telegram(chat: int, token: str, routing: Routing) -> dict[str, Any]:
    ends = routing.endpoints
    if routing.version >= _TOKEN_FILES:
        reached: dict[str, Any] = {"bot_token": Secret(token), **({"api_url": ends.telegram} if ends.telegram else {})}
    else:
        reached = {"bot_token": "gateway", "api_url": ends.telegram_gateway}
    return {
        **reached,
        "chat_id": chat,
        "parse_mode": "HTML",
        "message": _text("telegram"),
        "send_resolved": True,
    }


def _webhook(webhook: Webhook) -> dict[str, Any]:
    login: Mapping[str, Any] = (
        {"http_config": {"authorization": {"credentials": Secret(webhook.credentials)}}} if webhook.credentials else {}
    )
    return {"url": webhook.url, **login, "send_resolved": True}
