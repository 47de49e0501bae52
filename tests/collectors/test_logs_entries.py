"""What the entries of a log count as, and what of them may be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.log_tail import LogTail, entry, operations, tail
from harness.rounds import Round
from jackpot_exporter.clients import Clients
from jackpot_exporter.collectors.logs import METRICS, TYPE
from jackpot_exporter.config import compose
from jackpot_exporter.demo.journal import Action, Journal
from jackpot_exporter.exposition import Format, document
from jackpot_exporter.model import Sample


async def read(folder: Path, *entries: Mapping[str, Any] | bytes, **settings: Any) -> Round:
    """What a log of these entries gives; bytes are written as they are."""
    log = folder / "app.log"
    log.write_bytes(b"".join(e if isinstance(e, bytes) else json.dumps(e).encode() + b"\n" for e in entries))
    return await LogTail(log, None, **settings).collect()


def buckets(found: Round, operation: str) -> dict[str, float]:
    return {
        dict(labels)["le"]: value
        for labels, value in found._samples["jackpot_operation_duration_seconds_bucket"].items()
        if ("operation", operation) in labels
    }


async def test_counts_what_the_service_really_writes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "app.log")
    journal.contribution(Action.START, "g", 100, {}, "req-00000001")
    journal.contribution(Action.SUCCESS, "g", 100, {"minor": 3}, "req-00000001", duration=20.0)
    journal.contribution(Action.START, "g", 100, {}, "req-00000002")
    journal.contribution(Action.ERROR, "g", 100, {}, "req-00000002", duration=4000.0, error_type="timeout")
    journal.win(Action.ERROR, "minor", "g", "user-1", "req-00000003", duration=30.0, error_type="pool_timeout")
    journal.win(Action.ERROR, "minor", "g", "user-1", "req-00000004", duration=30.0, error_type="database")
    journal.win(Action.ERROR, "minor", "g", "user-1", "req-00000005", duration=1.0, error_type="validation")
    journal.pool_query(Action.SUCCESS, "req-00000006", duration=1.5)
    journal.configuration_change({"minor.share": 3}, "admin-7", "req-00000007")
    journal.close()

    found = await LogTail(tmp_path / "app.log", None).collect()

    assert operations(found) == {
        ("contribution", "success"): 1,
        ("contribution", "timeout"): 1,
        ("win", "timeout"): 1,
        ("win", "error"): 2,
        ("pool_query", "success"): 1,
    }
    errors = found.by("jackpot_errors_total", "type")
    assert {k: v for k, v in errors.items() if v} == {"timeout": 1, "pool_timeout": 1, "database": 1, "validation": 1}
    assert found.value("jackpot_config_changes_total") == 1
    assert found.by("jackpot_log_messages_total", "level") == {
        "debug": 0, "info": 5, "warn": 0, "error": 4, "fatal": 0, "other": 0,
    }  # fmt: skip
    # A rejected wager and a time-out of unknown cause say nothing about the database.
    assert found.by("jackpot_database_operations_total", "outcome") == {"success": 1, "error": 2}
    assert found.value("jackpot_operation_duration_seconds_sum", operation="contribution") == pytest.approx(4.02)
    assert buckets(found, "contribution")["0.025"] == 1
    assert buckets(found, "contribution")["5.0"] == 2


async def test_known_label_sets_stand_at_zero_from_the_start(tmp_path: Path) -> None:
    found = await read(tmp_path, error_types=("database",))

    assert len(found.values("jackpot_operations_total")) == 9
    assert found.values("jackpot_operations_total") == [0] * 9
    assert found.by("jackpot_errors_total", "type") == {"unknown": 0, "other": 0, "database": 0}
    assert found.value("jackpot_operation_duration_seconds_count", operation="pool_query") == 0
    assert found.value("jackpot_config_changes_total") == 0
    assert found.by("jackpot_database_operations_total", "outcome") == {"success": 0, "error": 0}


async def test_every_family_is_declared(tmp_path: Path) -> None:
    found = await read(tmp_path, entry("win", "SUCCESS"))

    assert found.names == {spec.full_name("jackpot") for spec in METRICS}


async def test_bucket_bounds_are_those_of_the_rules(tmp_path: Path) -> None:
    found = await read(tmp_path, entry("win", "SUCCESS"))

    expected = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1, 2, 5, float("inf"))
    assert tuple(map(float, buckets(found, "win"))) == expected


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"metadata": {"action": "SUCCESS", "success": True}}, "success"),
        ({"metadata": {"action": "SUCCESS", "success": False}}, "error"),
        ({"metadata": {"action": "ERROR"}}, "error"),
        ({"metadata": {"action": "ERROR", "errorType": "ReadTimeout"}}, "timeout"),
        ({"metadata": {"success": False}}, "error"),
        ({"metadata": {"success": True}, "level": "error"}, "success"),
        ({"metadata": {}, "level": "error"}, "error"),
        ({"metadata": None, "level": "info"}, "success"),
        ({"metadata": "odd", "level": "fatal"}, "error"),
        ({"metadata": {"action": ["SUCCESS"], "errorType": {"a": 1}}, "level": "error"}, "error"),
    ],
)
async def test_outcome_of_an_entry(tmp_path: Path, fields: dict[str, Any], outcome: str) -> None:
    found = await read(tmp_path, entry("win", "SUCCESS", **fields))

    assert operations(found) == {("win", outcome): 1}


@pytest.mark.parametrize("duration", [-1, "12", True, None, 1e300, 10**400, [1]], ids=lambda value: str(value)[:9])
async def test_an_insane_duration_is_no_observation(tmp_path: Path, duration: object) -> None:
    found = await read(tmp_path, entry("win", "SUCCESS", duration=duration))

    assert operations(found) == {("win", "success"): 1}
    assert found.value("jackpot_operation_duration_seconds_count", operation="win") == 0


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[1,2]",
        b'"text"',
        b'{"operation":"jackpot_win","level":"\xff"}',
        b'{"duration":NaN}',
        b'{"duration":1e999}',
        b'{"operation":"jackpot_win"',
        b"[" * 50_000,
        b'{"x":' * 20_000 + b"1" + b"}" * 20_000,
        b"\x1b[31mred\x1b[0m",
    ],
    ids=lambda line: repr(line[:20]),
)
async def test_a_bad_line_is_counted_and_the_next_one_read(tmp_path: Path, line: bytes) -> None:
    found = await read(tmp_path, line + b"\n", entry("win", "SUCCESS"))

    assert found.outcome.is_success
    assert tail(found, "bad_lines_total", reason="not_json") == 1
    assert tail(found, "lines_total") == 2
    assert operations(found) == {("win", "success"): 1}


async def test_the_last_of_duplicate_keys_counts(tmp_path: Path) -> None:
    found = await read(tmp_path, b'{"operation":"jackpot_win","operation":"jackpot_contribution"}\n')

    assert operations(found) == {("contribution", "success"): 1}


async def test_empty_lines_and_windows_line_ends_are_no_errors(tmp_path: Path) -> None:
    found = await read(tmp_path, b"\r\n\n", json.dumps(entry("win", "SUCCESS")).encode() + b"\r\n")

    assert tail(found, "bad_lines_total", reason="not_json") == 0
    assert operations(found) == {("win", "success"): 1}


async def test_any_log_can_be_read_by_a_mapping(tmp_path: Path) -> None:
    found = await read(
        tmp_path,
        {"log.level": "warning", "event": {"name": "hand.played", "took": 0.25, "state": "done"}, "trace": "abc012345"},
        {"log.level": 50, "event": {"name": "hand.played", "took": 3, "state": "failed", "why": "EngineTimeout"}},
        {"log.level": "info", "event": {"name": "hand.played", "state": "running"}},
        {"log.level": "info", "event": {"name": "settings.saved"}},
        fields={
            "level": ["log.level"],
            "operation": "event.name",
            "stage": "event.state",
            "duration": "event.took",
            "error_type": "event.why",
            "correlation_id": "trace",
        },
        duration_unit="s",
        operations={"hand.played": "hand"},
        outcomes={"done": "success", "failed": "error"},
        not_finished=["running"],
        config_changes=["settings.saved"],
    )  # fmt: skip

    assert found.value("jackpot_operations_total", operation="hand", outcome="success") == 1
    assert found.value("jackpot_operations_total", operation="hand", outcome="timeout") == 1
    assert found.value("jackpot_operation_duration_seconds_sum", operation="hand") == 3.25
    assert found.value("jackpot_log_messages_total", level="warn") == 1
    assert found.value("jackpot_log_messages_total", level="error") == 1
    assert found.value("jackpot_errors_total", type="EngineTimeout") == 1
    assert found.value("jackpot_config_changes_total") == 1


async def test_two_logs_add_up(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.log").write_text(json.dumps(entry("win", "SUCCESS")) + "\n")
    blocks = [{"path": str(tmp_path / f"{name}.log"), "start": "beginning"} for name in ("a", "b")]
    target: Any = compose([TYPE.section]).model_validate({"logs": blocks})
    collector = TYPE.build(target.logs, 10.0, Clients(target))
    assert collector is not None

    samples = {(s.spec.name, s.labels): s.value async for s in collector.collect() if isinstance(s, Sample)}

    assert samples["operations_total", ("win", "success")] == 2
    assert samples["jackpot_exporter_log_lines_total", (str(tmp_path / "a.log"),)] == 1


def exemplars(found: Round) -> str:
    return document(found.batch.families.values(), Format.OPENMETRICS).decode()


async def test_the_correlation_id_is_an_exemplar(tmp_path: Path) -> None:
    found = await read(tmp_path, entry("win", "SUCCESS", duration=240, correlationId="req-7f3a9c0012"))

    text = exemplars(found)
    assert 'le="0.25"} 1 # {correlation_id="req-7f3a9c0012"} 0.24 1772366400.123\n' in text
    assert text.count("# {") == 1


_PERSONAL = "maria-lopez-1984"


@pytest.mark.parametrize(
    "fields",
    [
        {"correlationId": _PERSONAL},
        {"correlationId": f"req-{_PERSONAL}"},
        {"correlationId": "maria@example.com"},
        {"correlationId": "player maria 1984"},
        {"metadata": {"action": "ERROR", "errorType": _PERSONAL}},
        {"metadata": {"action": "ERROR", "errorType": "maria@example.com"}},
        {"metadata": {"action": "ERROR", "errorType": "user maria not found"}},
        {"metadata": {"action": "ERROR", "errorType": "maria"}, "userId": "Maria"},
        {"metadata": {"action": _PERSONAL}},
        {"operation": _PERSONAL},
        {"level": _PERSONAL},
        {"service": _PERSONAL, "message": f"paid to {_PERSONAL}"},
    ],
    ids=str,
)
async def test_nothing_personal_is_shown_or_kept(tmp_path: Path, fields: dict[str, Any]) -> None:
    log, state = tmp_path / "app.log", tmp_path / "state"
    log.write_text(json.dumps({**entry("win", "ERROR"), "userId": _PERSONAL, **fields}) + "\n")

    found = await LogTail(log, state).collect()

    (kept,) = state.glob("*.json")
    for text in (exemplars(found), kept.read_text()):
        assert "maria" not in text.lower()


async def test_types_of_errors_are_capped(tmp_path: Path) -> None:
    names = [f"kind_{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(200)]
    entries = [entry("win", "ERROR", metadata={"action": "ERROR", "errorType": name}) for name in names]

    found = await read(tmp_path, *entries, max_error_types=10)

    errors = found.by("jackpot_errors_total", "type")
    assert len(errors) == 12
    assert errors["other"] == 190


async def test_the_cap_holds_over_a_restart(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    follower = LogTail(log, tmp_path / "state", max_error_types=2)
    for name in ("one", "two", "three"):
        with log.open("a") as file:
            file.write(json.dumps(entry("win", "ERROR", metadata={"action": "ERROR", "errorType": name})) + "\n")
        found = await follower.collect()
        follower.restart()

    assert found.by("jackpot_errors_total", "type") == {"unknown": 0, "other": 1, "one": 1, "two": 1}
