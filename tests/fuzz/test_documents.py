"""Whatever a service says of its health: it is read or called no JSON, and every number that comes out makes sense."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from harness.fuzzing import inputs
from jackpot_exporter.collectors._health_document import FIELDS, HealthDocument, Reading, read_document
from jackpot_exporter.collectors._json_text import read_json
from jackpot_exporter.errors import BadDataError
from jackpot_exporter.web.negotiation import accepts_gzip, choose_format, prefers_json

KEYS = [
    *sorted({step for places in FIELDS.values() for place in places for step in place.split(".")}),
    "status", "checks", "data", "components", "services", "dependencies", "database", "cache", "details",
    "responseTime",
    "active", "idle", "max", "waiting", "name", "state", "entries", "x", "",
]  # fmt: skip
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["UP", "down", "ok", "degraded", "5ms", "1h", "00:00:01", "99%", "-1", "1e999", "NaN", "9" * 400])
)
DOCUMENTS = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=6), inner, max_size=6)
    ),
    max_leaves=30,
)
READINGS = st.builds(
    Reading,
    fields=st.dictionaries(st.sampled_from(sorted(FIELDS)), st.sampled_from(KEYS) | st.text(max_size=6), max_size=2),
    time_unit_seconds=st.sampled_from([1.0, 0.001]),
)


def sensible(found: HealthDocument) -> None:
    """No number is below zero, infinite or no number at all; what is a label is short."""
    numbers = [*found.numbers.values(), *(found.pool.by_state.values() if found.pool else ())]
    assert all(math.isfinite(number) and number >= 0 for number in numbers)
    assert all(0 <= found.numbers[name] <= 1 for name in ("cache_hit_ratio", "error_ratio") if name in found.numbers)
    assert all(len(text) <= 100 for text in (found.version, found.environment) if text)


@inputs(100)
@given(DOCUMENTS, READINGS)
async def test_any_document_is_read(document: Any, reading: Reading) -> None:
    found, _ = await read_json(json.dumps(document).encode(), lambda tree: read_document(tree, reading))

    sensible(found)


@inputs(200)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:0123456789eE.-+tfn\\u \n\ufeff', max_size=60).map(str.encode))
@example(b"[" * 100_000)
@example(b'{"uptime":' + b"9" * 5000 + b"}")
@example('{"status": "\ud83d"}'.encode("utf-8", "surrogatepass"))
@example(b'{"version": "\\ud800"}')
async def test_any_bytes_are_read_or_called_no_json(body: bytes) -> None:
    try:
        found, _ = await read_json(body, lambda tree: read_document(tree, Reading()))
    except BadDataError:
        return
    sensible(found)


HEADER = st.text(max_size=30) | st.lists(
    st.sampled_from(["text/plain", "application/openmetrics-text", "application/json", "*/*", "gzip", "identity",
    "br", ";q=",
                     "0", "1.000", "nan", "-1", ",", ";", " ", "version=1.0.0", "=", '"']), max_size=8
).map("".join)  # fmt: skip


@inputs(200)
@given(HEADER)
def test_any_wish_of_a_client_is_understood_somehow(header: str) -> None:
    choose_format(header)
    accepts_gzip(header)
    prefers_json(header)
