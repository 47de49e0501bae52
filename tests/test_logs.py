"""Log lines: both formats, and nothing secret in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable

import pytest

from jackpot_exporter import logs
from jackpot_exporter.redaction import redact

Configure = Callable[..., io.StringIO]


@pytest.fixture
def configure() -> Configure:
    def configure(level: str = "info", fmt: str = "logfmt") -> io.StringIO:
        stream = io.StringIO()
        logs.configure(level, fmt, stream)
        return stream

    return configure


LOG = logging.getLogger("jackpot_exporter.test")


def test_logfmt_quotes_what_needs_it(configure: Configure) -> None:
    stream = configure()

    LOG.warning("collection failed", extra=logs.fields(collector="pools", error='no "x"\nhere', up=False))

    timestamp, rest = stream.getvalue().split(" ", 1)
    assert timestamp.startswith("timestamp=20")
    assert rest == 'level=warning event="collection failed" collector=pools error="no \\"x\\"\\nhere" up=false\n'


def test_json_is_one_object_a_line(configure: Configure) -> None:
    stream = configure(fmt="json")

    LOG.info("listening", extra=logs.fields(addresses="127.0.0.1:1"))

    event = json.loads(stream.getvalue())
    assert (event["level"], event["event"], event["addresses"]) == ("info", "listening", "127.0.0.1:1")


def test_lower_levels_are_left_out(configure: Configure) -> None:
    stream = configure(level="error")

    LOG.warning("unimportant")

    assert stream.getvalue() == ""


@pytest.mark.parametrize("fmt", logs.FORMATS)
def test_no_secret_passes(configure: Configure, fmt: str) -> None:
    stream = configure(fmt=fmt)
    redact.add("s3cret/with slash")

    try:
        raise ValueError("postgresql://me:s3cret%2Fwith%20slash@db")
    except ValueError:
        LOG.exception("s3cret/with slash", extra=logs.fields(dsn="password='s3cret/with slash'"))

    assert "s3cret" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()
