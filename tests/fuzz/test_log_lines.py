"""Whatever a service writes into its log: every line is counted once, the caps hold, and nobody's name is shown."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from harness.fuzzing import inputs
from harness.log_tail import LogTail
from jackpot_exporter.model import Outcome

MOST = 4
KNOWN = 1
"""`other`, into which the rest goes."""
PERSON = "player-7f3a9c"
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(
        ["error", "timeout", "jackpot_win", "SUCCESS", "ERROR", PERSON, f"error of {PERSON}", "a_b", "X" * 300]
    )
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=4), SCALARS, max_size=2)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "timestamp": VALUES | st.sampled_from(["2026-03-01T12:00:00Z", "9999-12-31T23:59:59Z", "0000"]),
        "level": VALUES,
        "operation": VALUES | st.sampled_from(["jackpot_contribution", "jackpot_win", "jackpot_pool_query"]),
        "duration": VALUES,
        "correlationId": VALUES,
        "userId": st.just(PERSON),
        "error": st.fixed_dictionaries({}, optional={"type": VALUES, "message": VALUES}) | VALUES,
        "metadata": st.fixed_dictionaries({}, optional={"action": VALUES, "success": VALUES, "userId": VALUES})
        | VALUES,
    },
)
LINES = (
    ENTRIES.map(lambda entry: json.dumps(entry).encode())
    | st.binary(max_size=40).map(lambda line: line.replace(b"\n", b""))
    | st.sampled_from(
        [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"level":1e999}', b'{"level":' + b"[" * 3000, b"\0" * 20]
    )
)


@inputs(60)
@given(st.lists(LINES, max_size=12))
@example([json.dumps({"level": "error", "error": {"type": f"type_{number}"}}).encode() for number in range(12)])
async def test_any_lines_are_counted_once(tmp_path: Path, lines: list[bytes]) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(line + b"\n" for line in lines))

    found = await LogTail(log, None, max_error_types=MOST).collect()

    written = sum(bool(line.strip(b" \t\r\0")) for line in lines)
    refused = found.by("jackpot_exporter_log_bad_lines_total", "reason")
    assert found.outcome is Outcome.OK, found.batch.message
    assert sum(found.by("jackpot_log_messages_total", "level").values()) + refused["not_json"] == written
    assert len(found.by("jackpot_errors_total", "type")) <= MOST + KNOWN
    assert PERSON not in found.text
