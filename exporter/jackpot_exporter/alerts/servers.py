"""Alertmanager and Prometheus, asked over their HTTP interfaces.

SourceError says which of the two did not answer, and how, or has the words of one that said no.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import yaml

from ..clients.http import HttpClient
from ..clients.http_exchange import Request
from ..clients.http_options import HttpOptions
from ..errors import BadDataError, SourceError
from ..redaction import redact
from .incidents import Alert, Silence, read_alert, read_silence

_WITHIN_SECONDS = 10.0
_BODY_MAX_BYTES = 64 * 1024 * 1024


class _Server:
    name = ""

    def __init__(
        self, client: HttpClient, url: str, options: HttpOptions, within_seconds: float = _WITHIN_SECONDS
    ) -> None:
        self.url = url.rstrip("/")
        redact.learn(url)
        self._client = client
        self._within_seconds = within_seconds
        self._options = options.model_copy(update={"headers": {**options.headers, "Content-Type": "application/json"}})

    async def _ask(self, path: str, method: str = "GET", body: object = None) -> bytes:
        content = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, method, content, body_max_bytes=_BODY_MAX_BYTES)
        try:
            answer = await self._client.fetch(request, self._options, self._within_seconds)
        except SourceError as error:
            raise type(error)(redact(f"{self.name} at {self.url}: {error}")) from None
        if not 200 <= answer.status < 300:
            said = answer.body[:500].decode(errors="replace").strip()
            raise BadDataError(redact(f"{self.name} at {self.url} refuses {path}: {answer.status} {said}"))
        return answer.body

    async def _ask_json(self, path: str, **parameters: str) -> Any:
        query = f"?{urlencode(parameters)}" if parameters else ""
        try:
            return json.loads(await self._ask(path + query))
        except ValueError:
            raise BadDataError(redact(f"{self.name} at {self.url} answers {path} with no JSON")) from None


class Alertmanager(_Server):
    name = "Alertmanager"

    async def alerts(self) -> list[Alert]:
        return [read_alert(entry) for entry in await self._ask_json("/api/v2/alerts")]

    async def silences(self, *, also_ended: bool = False) -> list[Silence]:
        """The active ones, or all that it remembers."""
        found = [read_silence(entry) for entry in await self._ask_json("/api/v2/silences")]
        return [silence for silence in found if also_ended or silence.is_active]

    async def silence(
        self, matchers: Mapping[str, str], until: datetime, now: datetime, author: str, comment: str, replaces: str = ""
    ) -> str:
        """The id of a silence on these labels; with `replaces` that one is changed."""
        body = {
            "id": replaces,
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in matchers.items()
            ],
            "startsAt": now.isoformat(),
            "endsAt": until.isoformat(),
            "createdBy": author,
            "comment": comment,
        }
        answer: dict[str, str] = json.loads(await self._ask("/api/v2/silences", "POST", body))
        return answer["silenceID"]

    async def expire(self, silence: Silence) -> None:
        await self._ask(f"/api/v2/silence/{silence.id}", "DELETE")

    async def post(self, alerts: Iterable[Mapping[str, Any]]) -> None:
        """Hand over alerts as Prometheus does."""
        await self._ask("/api/v2/alerts", "POST", list(alerts))

    async def receivers(self) -> list[dict[str, Any]]:
        """As its configuration has them, without their secrets."""
        status = await self._ask_json("/api/v2/status")
        found: list[dict[str, Any]] = yaml.safe_load(status["config"]["original"])["receivers"]
        return found

    async def metrics(self) -> str:
        """Its own metrics as text."""
        return (await self._ask("/metrics")).decode()


class Prometheus(_Server):
    name = "Prometheus"

    async def query(self, promql: str, at: float | None = None) -> list[dict[str, Any]]:
        """The series of an instant query; `at` in Unix seconds, or the server's own now."""
        when = {} if at is None else {"time": str(at)}
        answer = await self._ask_json("/api/v1/query", query=promql, **when)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    async def query_range(self, promql: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The series of a query over a span; times and step in seconds."""
        span = {"start": str(start), "end": str(end), "step": str(step)}
        answer = await self._ask_json("/api/v1/query_range", query=promql, **span)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    async def alerting_rules(self) -> list[dict[str, Any]]:
        """Every alerting rule as Prometheus has it."""
        answer = await self._ask_json("/api/v1/rules", type="alert")
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]
