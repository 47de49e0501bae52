"""One event a line, as logfmt for people or JSON for machines; every line passes the redaction.

The standard library's logging with two formatters. A logging library was tried (structlog) and left: it costs 8 MB of
resident memory where rich is installed, a tenth of what the whole exporter may take, for these few lines.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from .redaction import redact

FORMATS = ("logfmt", "json")
LEVELS = ("debug", "info", "warning", "error")

_ROOT = __package__
_NEEDS_QUOTES = re.compile(r'[\s="\\]|[^\x20-\x7e]|^$')
_FIELDS = "fields"


def fields(**values: object) -> dict[str, object]:
    """What goes into `extra=` of a logging call: the values of the event, each under its own name."""
    return {_FIELDS: values}


def configure(level: str, fmt: str, stream: TextIO | None = None) -> None:
    """Set up logging of this package; `stream` is standard error by default. Other libraries' warnings come along."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if fmt == "json" else _Logfmt())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(_ROOT).setLevel(level.upper())


def tell_crashes() -> None:
    """An error that nobody caught, in a thread too, becomes an event like others instead of text that shows secrets."""
    sys.excepthook = _tell_crash
    threading.excepthook = lambda crash: _tell_crash(crash.exc_type, crash.exc_value, crash.exc_traceback)
    sys.unraisablehook = lambda crash: _tell_crash(crash.exc_type, crash.exc_value, crash.exc_traceback)


def _tell_crash(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    if not logging.root.handlers:
        configure("error", "logfmt")
    logging.getLogger(_ROOT).critical("crashed", exc_info=(kind, error or kind(), traceback))


class _Formatter(logging.Formatter, ABC):
    """The event as a mapping; subclasses write it down."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            event["exception"] = self.formatException(record.exc_info)
        # Before it is written down, because quoting changes a secret; and after, for what stands inside of others.
        return redact(self.write({key: _shown(value) for key, value in event.items()}))

    @abstractmethod
    def write(self, event: Mapping[str, object]) -> str: ...


class _Json(_Formatter):
    def write(self, event: Mapping[str, object]) -> str:
        return json.dumps(event, default=str, ensure_ascii=False)


class _Logfmt(_Formatter):
    def write(self, event: Mapping[str, object]) -> str:
        return " ".join(f"{key}={_word(value)}" for key, value in event.items())


def _shown(value: object) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else redact(str(value))


def _word(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return json.dumps(text, ensure_ascii=False) if _NEEDS_QUOTES.search(text) else text
