"""One visit to a health endpoint: what its answer says of the service, whatever form the answer has.

The HTTP status speaks where the body does not, and an error status is never outdone by a friendly body. A failing
status with a body that says nothing comes from something in front of the service, which is then down.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ..clients.http_exchange import Answer, Request
from ..clients.http_options import HttpOptions
from ..errors import AuthError, BadDataError, MissingError, PermissionDeniedError, RefusedError, SourceError
from ..model import Note, Outcome
from ._health_checks import Check
from ._health_document import HealthDocument, Reading, read_document
from ._health_words import Status, check_name, status_of, worst
from ._json_text import Json, read_json

if TYPE_CHECKING:
    from ..clients.http import HttpClient

_LINES_MAX: Final = 200
_VERBOSE_LINE: Final = re.compile(r"\[([+-])\]\s*([\w./-]+)")
_LOGIN_NEEDED: Final = {401: AuthError, 407: AuthError, 403: PermissionDeniedError}
_NOTHING = HealthDocument(None, None, (), (), None, None, None, {})


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visit brought. `is_up` is None when the visit never came about, by a fault of ours."""

    is_up: bool | None
    status: Status | None = None
    document: HealthDocument = _NOTHING
    seconds: float | None = None
    notes: tuple[Note, ...] = ()
    failure: SourceError | None = None


async def visit(client: HttpClient, url: str, options: HttpOptions, reading: Reading, within_seconds: float) -> Visit:
    """Ask once. Never raises SourceError: a failure is part of the visit."""
    try:
        answer = await client.fetch(Request(url), options, within_seconds)
    except AuthError as error:  # our own secret could not be read
        return Visit(None, failure=error)
    except SourceError as error:
        return Visit(is_up=False, status=Status.UNHEALTHY, failure=error)
    return replace(await _read(answer, reading), seconds=answer.seconds)


async def _read(answer: Answer, reading: Reading) -> Visit:
    if refusal := _LOGIN_NEEDED.get(answer.status):
        return Visit(is_up=True, failure=refusal(f"HTTP status {answer.status}: the health endpoint wants a login"))
    if answer.status in (404, 410):
        failure: SourceError = MissingError(f"HTTP status {answer.status}: no health endpoint is at this address")
        return Visit(is_up=False, status=Status.UNHEALTHY, failure=failure)
    try:
        document, oddities = await _document(answer, reading)
    except BadDataError as error:
        if answer.status >= 500:
            failure = RefusedError(f"HTTP status {answer.status} without a health document")
            return Visit(is_up=False, status=Status.UNHEALTHY, failure=failure)
        return Visit(is_up=True, failure=error)
    says_nothing = document.status is None and not document.checks
    if answer.status >= 500 and says_nothing:
        failure = RefusedError(f"HTTP status {answer.status} without a health document")
        return Visit(is_up=False, status=Status.UNHEALTHY, failure=failure)
    status = _overall(document.status, answer.status)
    failed = BadDataError(f"HTTP status {answer.status} with no known state in it") if status is None else None
    return Visit(is_up=True, status=status, document=document, notes=_notes(document, oddities), failure=failed)


def _overall(said: Status | None, code: int) -> Status | None:
    if code >= 500:
        return Status.UNHEALTHY
    if said is not None:
        return said
    if code == 429:
        return Status.DEGRADED
    return Status.HEALTHY if 200 <= code < 300 else None


async def _document(answer: Answer, reading: Reading) -> tuple[HealthDocument, frozenset[str]]:
    body = answer.body.strip()
    if body.startswith(b"<") or "html" in answer.content_type:
        raise BadDataError("the answer is a web page and no health document")
    is_json = "json" in answer.content_type
    if is_json or body[:1] in (b"{", b"["):
        try:
            return await read_json(body or b"null", partial(_from_json, reading=reading))
        except BadDataError:
            if is_json:
                raise
    return _from_text(body.decode("utf-8", "replace"), reading), frozenset()


def _from_json(json: Json, reading: Reading) -> HealthDocument:
    if isinstance(json, dict | list):
        return read_document(json, reading)
    return replace(_NOTHING, status=status_of(json, reading.words))


def _from_text(text: str, reading: Reading) -> HealthDocument:
    """`OK`, or Kubernetes' verbose list: `[+]etcd ok`."""
    lines = text.splitlines()[:_LINES_MAX]
    checks: dict[str, Check] = {}
    for sign, name in filter(None, (_groups(line) for line in lines)):
        status = Status.HEALTHY if sign == "+" else Status.UNHEALTHY
        label = check_name(name)
        known = checks.get(label)
        checks[label] = Check(label, worst(status, known.status if known else None), None, {})
    said = status_of(lines[0], reading.words) if lines else None
    if checks:
        said = worst(*(check.status for check in checks.values()))
    return replace(_NOTHING, status=said, checks=tuple(checks.values()))


def _groups(line: str) -> tuple[str, str] | None:
    found = _VERBOSE_LINE.match(line)
    return (found[1], found[2]) if found else None


def _notes(document: HealthDocument, oddities: frozenset[str]) -> tuple[Note, ...]:
    found = [Note(f"json: {text}", f"the health document has {text}", Outcome.BAD_DATA) for text in sorted(oddities)]
    if document.unknown_word:
        message = f"the state {document.unknown_word!r} is not known; `words` in the settings can say what it means"
        found.append(Note("status", message, Outcome.BAD_DATA))
    for check in document.checks:
        if check.unknown_word:
            message = f"{check.name}: the state {check.unknown_word!r} is not known; `words` can say what it means"
            found.append(Note(f"check {check.name}", message, Outcome.BAD_DATA))
    return tuple(found)
