"""Accept and Accept-Encoding, as Prometheus, curl and browsers send them."""

from __future__ import annotations

import pytest

from jackpot_exporter.exposition import Format
from jackpot_exporter.web.negotiation import accepts_gzip, choose_format

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        pytest.param(PROMETHEUS_2, Format.OPENMETRICS, id="Prometheus 2"),
        pytest.param(PROMETHEUS_3, Format.OPENMETRICS, id="Prometheus 3"),
        pytest.param("", Format.TEXT, id="nothing"),
        pytest.param("*/*", Format.TEXT, id="curl"),
        pytest.param("text/html,application/xhtml+xml,*/*;q=0.8", Format.TEXT, id="browser"),
        pytest.param("text/plain;q=0.5,application/openmetrics-text;q=0.4", Format.TEXT, id="text preferred"),
        pytest.param("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", Format.TEXT, id="a later version"),
        pytest.param("application/openmetrics-text; q=0", Format.TEXT, id="forbidden"),
        pytest.param(";;,,=;q=x", Format.TEXT, id="garbage"),
    ],
)
def test_format(accept: str, wanted: Format) -> None:
    assert choose_format(accept) is wanted


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("gzip", True), ("gzip, deflate, br", True), ("", False), ("identity", False), ("gzip;q=0", False),
        ("*", True), ("*;q=0.5, gzip;q=0", False), ("GZIP", True), ("br", False),
    ],
)  # fmt: skip
def test_gzip(header: str, wanted: bool) -> None:
    assert accepts_gzip(header) is wanted
