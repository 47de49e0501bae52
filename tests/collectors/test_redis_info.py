"""INFO as text: what older servers leave out, and what no server should say, never ends in a bug."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackpot_exporter.collectors import _redis_sentinel
from jackpot_exporter.collectors._redis_commands import CommandStatistics
from jackpot_exporter.collectors._redis_info import Info, describe, keyspace, parse_info
from jackpot_exporter.collectors._redis_parts import Parts
from jackpot_exporter.errors import BadDataError, SourceError
from jackpot_exporter.exposition import render
from jackpot_exporter.model import Frame, Item, Sample

INFO = (Path(__file__).parent.parent / "golden" / "redis_info_7.0.txt").read_text("utf-8")


def _items(info: Info) -> Iterator[Item]:
    yield from describe(info)
    yield from CommandStatistics().read(info)
    yield from keyspace(info, 16)


def _values(text: str) -> dict[tuple[str, ...], object]:
    samples = [item for item in _items(parse_info(text)) if isinstance(item, Sample)]
    return {(sample.spec.name, *sample.labels): sample.value for sample in samples}


def test_version_and_mode() -> None:
    info = parse_info(INFO)

    assert (info.version, info.mode) == ((7, 0, 15), "standalone")
    assert parse_info(INFO.replace("redis_version:7.0.15", "redis_version:8.0-rc1")).version == ()


def test_replicas_keep_their_names() -> None:
    values = _values(INFO)

    assert values["redis_connected_slave_offset_bytes", "10.0.0.2", "6379", "online"] == 1500
    assert values["redis_connected_slave_lag_seconds", "10.0.0.2", "6379", "online"] == 0


def test_a_replica_that_stands_twice_is_one_series() -> None:
    line = "slave0:ip=10.0.0.2,port=6379,state=online,offset=1500,lag=0\n"

    values = _values(INFO.replace(line, line + line.replace("slave0", "slave1").replace("1500", "1600")))

    assert values["redis_connected_slave_offset_bytes", "10.0.0.2", "6379", "online"] == 1600


def test_more_databases_than_are_shown_are_counted() -> None:
    text = INFO + "".join(f"db{n}:keys=1,expires=0,avg_ttl=0\n" for n in range(10, 200))

    notes = [item for item in keyspace(parse_info(text), 16) if not isinstance(item, Sample | Frame)]

    assert [note.dropped for note in notes] == [200 - 16 - 64]


def test_a_server_before_7_is_asked_only_what_it_knows() -> None:
    parts = Parts(CommandStatistics()).of(parse_info(INFO.replace("redis_version:7.0.15", "redis_version:6.2.14")))

    assert {part.key for part in parts} == {"config", "slowlog", "latency latest"}
    assert {len(command) for part in parts if part.key == "config" for command in part.commands} == {3}


@pytest.mark.parametrize("text", ["", "PONG", "# Server\nredis_version:7.0.15\n", "\x00" * 100])
def test_what_is_no_info_is_bad_data(text: str) -> None:
    with pytest.raises(BadDataError, match="INFO has no uptime_in_seconds"):
        parse_info(text)


NONSENSE = (
    "",
    "-1",
    "nan",
    "1e999",
    "9" * 400,
    "=",
    ",",
    ":",
    "ok",
    "keys=x",
    "calls=1,usec=x",
    "p=5",
    "pp=1",
    "p50=x",
)


@pytest.mark.parametrize("value", NONSENSE)
async def test_no_field_with_nonsense_in_it_is_a_bug(value: str) -> None:
    lines = INFO.splitlines()
    for place, line in enumerate(lines):
        changed = [*lines]
        changed[place] = f"{line.partition(':')[0]}:{value}"
        try:
            items = list(_items(parse_info("\n".join(changed))))
        except SourceError:
            continue

        assert await render([item for item in items if isinstance(item, Sample | Frame)], "jackpot")


_ANSWERS = st.recursive(
    st.one_of(st.none(), st.integers(), st.binary(max_size=8), st.sampled_from([b"calls", b"histogram_usec", b"get"])),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=20,
)


@given(st.lists(_ANSWERS, min_size=8, max_size=8))
async def test_answers_of_the_wrong_shape_are_never_a_bug(answers: list[object]) -> None:
    sentinel = "redis_mode:sentinel\n# Sentinel\nmaster0:name=a,status=ok,address=b,slaves=1,sentinels=1\n"
    statistics = CommandStatistics()
    for info in (parse_info(INFO), parse_info(INFO + sentinel)):
        list(statistics.read(info))
        parts = Parts(statistics)
        for part in parts.of(info):
            items = list(parts.read(part, answers[: len(part.commands)]))  # type: ignore[arg-type]
            await render([item for item in items if isinstance(item, Sample | Frame)], "jackpot")


def test_every_master_of_a_sentinel_is_asked_about() -> None:
    text = INFO + "# Sentinel\nmaster0:name=a,status=ok\nmaster1:name=b,status=ok\nmaster2:name=a,status=ok\n"

    commands = _redis_sentinel.commands(parse_info(text))

    assert [command[2] for command in commands[::3]] == ["a", "b"]
