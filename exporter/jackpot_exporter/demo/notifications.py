"""What arrives at the sink, read from each service's own protocol into one shape.

Raises ValueError or KeyError for what the real service would refuse. Nothing here listens or answers.
"""

from __future__ import annotations

import email
import email.policy
import html
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PAGERDUTY_SEVERITIES = ("critical", "error", "warning", "info")
_TELEGRAM_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Notification:
    """One message: by which service, to whom, and what it says."""

    service: str
    to: str
    status: str
    title: str
    text: str
    links: Mapping[str, str] = field(default_factory=dict)
    html: str = ""
    """The HTML part of an e-mail."""
    key: str = ""
    """PagerDuty's key of the incident."""
    alerts: tuple[Mapping[str, Any], ...] = ()
    """Of a webhook: each alert with status, labels and annotations."""
    at: float = field(default_factory=time.time)


def read_slack(body: Mapping[str, Any]) -> Notification:
    attachment = body["attachments"][0]
    links = {action["text"]: action["url"] for action in attachment["actions"]}
    return _told("slack", body["channel"], attachment["title"], attachment["text"], links)


def read_pagerduty(body: Mapping[str, Any]) -> Notification:
    payload = body["payload"]
    if payload["severity"] not in _PAGERDUTY_SEVERITIES or not payload["source"]:
        raise ValueError("PagerDuty needs a severity it knows and a source")
    details = payload["custom_details"]
    links = {link["text"]: link["href"] for link in body["links"]}
    return Notification(
        service="pagerduty",
        to=body["routing_key"],
        status={"trigger": "firing", "resolve": "resolved"}[body["event_action"]],
        title=payload["summary"],
        text=f"{details['priority']}, since {details['since']}\n{details['text']}",
        links=links,
        key=body["dedup_key"],
    )


def read_telegram(body: Mapping[str, Any]) -> Notification:
    text = body["text"]
    if body["parse_mode"].lower() != "html" or len(text) > _TELEGRAM_LIMIT:
        raise ValueError("the message is no HTML, or too long")
    links = {name: html.unescape(url) for url, name in re.findall(r'<a href="([^"]*)">([^<]*)</a>', text)}
    plain = html.unescape(re.sub(r"<[^>]*>", "", text)).strip()
    title, _, rest = plain.partition("\n")
    return _told("telegram", str(body["chat_id"]), title, rest.strip(), links)


def read_sms(form: Mapping[str, Any]) -> Notification:
    if form["Action"] != "Publish":
        raise ValueError(f"SNS is only asked to publish, not to {form['Action']}")
    return _told("sms", str(form["PhoneNumber"]), str(form["Message"]), "", {})


def read_webhook(name: str, body: Mapping[str, Any]) -> Notification:
    alerts = tuple(body["alerts"])
    title = ", ".join(sorted({alert["labels"]["alertname"] for alert in alerts}))
    text = "\n".join(alert["annotations"].get("description", "") for alert in alerts)
    return Notification("webhook", name, body["status"], title, text, alerts=alerts)


def read_email(recipients: list[str], content: bytes) -> Notification:
    message = email.message_from_bytes(content, policy=email.policy.default)
    parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
    text, page = parts["text/plain"], parts["text/html"]
    links = {name: html.unescape(url) for url, name in re.findall(r'<a href="([^"]*)">([^<]*)</a>', page)}
    title = str(message["Subject"])
    return Notification("email", ", ".join(recipients), _status(title), title, text, links, page)


def _told(service: str, to: str, title: str, text: str, links: Mapping[str, str]) -> Notification:
    return Notification(service, to, _status(title), title, text, links)


def _status(title: str) -> str:
    return "resolved" if title.startswith("[RESOLVED]") else "firing"
