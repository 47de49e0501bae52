"""The notification sink: stands in for Slack, PagerDuty, Telegram, Amazon SNS, webhooks and a mail server.

    python -m jackpot_exporter.demo.sink --port 8025 --smtp-port 2525

Keeps the latest messages in memory, answers as the services do, and shows them: to people at `/`, to programs at
`/notifications?after=NUMBER`. Unless told otherwise it listens on this machine only; it sends nothing on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from html import escape
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from .notifications import (
    Notification,
    read_email,
    read_pagerduty,
    read_slack,
    read_sms,
    read_telegram,
    read_webhook,
)

HOST = "127.0.0.1"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_KEPT = 5_000
_PUBLISHED = """<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
<PublishResult><MessageId>1</MessageId></PublishResult>
<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>"""
_PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<title>Notifications</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
article {{ border-left: 4px solid #c53030; margin: 1rem 0; padding: .2rem 1rem; background: #8881 }}
article.resolved {{ border-color: #2f855a }} pre {{ white-space: pre-wrap }}
iframe {{ width: 100%; height: 24rem; border: 0; background: #fff }}
</style></head><body><h1>Notifications</h1>{articles}</body></html>"""


class Sink:
    """Numbers what arrives, from 1."""

    def __init__(self) -> None:
        self.count = 0
        self.latest: deque[tuple[int, Notification]] = deque(maxlen=_KEPT)

    def take(self, notification: Notification) -> None:
        self.count += 1
        self.latest.append((self.count, notification))

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        content = envelope.content or b""
        data = content.encode() if isinstance(content, str) else content
        self.take(read_email(envelope.rcpt_tos, data))
        return "250 taken"

    def application(self) -> web.Application:
        application = web.Application(middlewares=[_refuse])
        application.router.add_get("/", self._show)
        application.router.add_get("/notifications", self._list)
        application.router.add_post("/slack", self._slack)
        application.router.add_post("/pagerduty", self._pagerduty)
        application.router.add_post("/bot{token}/sendMessage", self._telegram)
        application.router.add_post("/sns/", self._sns)
        application.router.add_post("/webhook/{name}", self._webhook)
        return application

    async def _slack(self, request: web.Request) -> web.Response:
        self.take(read_slack(await _json(request)))
        return web.Response(text="ok")

    async def _pagerduty(self, request: web.Request) -> web.Response:
        notification = read_pagerduty(await _json(request))
        self.take(notification)
        answer = {"status": "success", "message": "Event processed", "dedup_key": notification.key}
        return web.json_response(answer, status=202)

    async def _telegram(self, request: web.Request) -> web.Response:
        notification = read_telegram(await _json(request))
        self.take(notification)
        message = {"message_id": self.count, "date": int(notification.at), "chat": {"id": int(notification.to)}}
        return web.json_response({"ok": True, "result": message})

    async def _sns(self, request: web.Request) -> web.Response:
        self.take(read_sms({**await request.post()}))
        return web.Response(text=_PUBLISHED, content_type="text/xml")

    async def _webhook(self, request: web.Request) -> web.Response:
        self.take(read_webhook(request.match_info["name"], await _json(request)))
        return web.Response(text="ok")

    async def _list(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", 0))
        return web.json_response([{"number": number, **asdict(one)} for number, one in self.latest if number > after])

    async def _show(self, _request: web.Request) -> web.Response:
        articles = "".join(_article(one) for _, one in reversed(self.latest) if one.to not in ("watchdog", "log"))
        return web.Response(text=_PAGE.format(articles=articles or "<p>Nothing yet.</p>"), content_type="text/html")


async def _json(request: web.Request) -> Any:
    """Whatever type the sender calls it."""
    return json.loads(await request.read())


@web.middleware
async def _refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (ValueError, KeyError, IndexError) as error:
        return web.Response(status=400, text=f"{error!r}\n")


def _article(one: Notification) -> str:
    links = " ".join(f'<a href="{escape(url)}">{escape(name)}</a>' for name, url in one.links.items())
    body = f'<iframe sandbox srcdoc="{escape(one.html)}"></iframe>' if one.html else f"<pre>{escape(one.text)}</pre>"
    head = f"<small>{escape(one.service)} to {escape(one.to)}</small><br><b>{escape(one.title)}</b>"
    return f'<article class="{escape(one.status)}">{head}{body}{links}</article>'


async def _serve(host: str, port: int, smtp_port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sink = Sink()
    mail = await loop.create_server(lambda: SMTP(sink, hostname=HOST, enable_SMTPUTF8=True), host, smtp_port)
    runner = web.AppRunner(sink.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    await stop.wait()
    mail.close()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(prog="notification-sink", description="Receives and shows notifications.")
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    given = parser.parse_args()
    asyncio.run(_serve(given.host, given.port, given.smtp_port))


if __name__ == "__main__":
    main()
