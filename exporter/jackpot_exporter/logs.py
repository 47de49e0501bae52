"""One event a line, as logfmt for people or JSON for machines; every line passes the redaction."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from .redaction import redact

FORMATS = ("logfmt", "json")
LEVELS = ("debug", "info", "warning", "error")


def configure(level: str, fmt: str, stream: TextIO | None = None) -> None:
    """Set up logging for the process; `stream` is standard error by default."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if fmt == "json"
        else structlog.processors.LogfmtRenderer(key_order=("timestamp", "level", "event"), drop_missing=True)
    )

    def render(logger: WrappedLogger, name: str, event: EventDict) -> str:
        return redact(str(renderer(logger, name, event)))

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
