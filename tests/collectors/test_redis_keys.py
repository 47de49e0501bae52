"""Groups of keys: counted exactly where there is time, estimated and said so where there is not, never in the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from pydantic import ValidationError

from harness.redis_collection import Collected, read, watching
from jackpot_exporter.clients.redis import RedisSession
from jackpot_exporter.collectors.redis_keys import KeyGroupsCollector, KeyGroupsSettings
from jackpot_exporter.config import RedisSource
from jackpot_exporter.demo.servers import RedisServer
from jackpot_exporter.model import Outcome
from jackpot_exporter.runtime import Job, collect

MANY = 200_000


@asynccontextmanager
async def _job(url: str, settings: KeyGroupsSettings, timeout_seconds: float = 20.0) -> AsyncIterator[Job]:
    session = RedisSession(RedisSource(url=url), "keys", timeout_seconds)
    yield Job("redis_keys", KeyGroupsCollector(settings, session, timeout_seconds), 300.0, timeout_seconds)
    await session.close()


async def _groups(url: str, timeout_seconds: float = 20.0, **settings: object) -> Collected:
    async with _job(url, KeyGroupsSettings.model_validate(settings), timeout_seconds) as job:
        return read(await collect(job, "jackpot"))


def _counts(result: Collected, db: str = "db0") -> dict[str, float]:
    samples = result.families["redis_key_group_count"].samples
    return {s.labels["key_group"]: s.value for s in samples if s.labels["db"] == db}


@pytest.fixture(scope="module")
def crowded() -> Iterator[RedisServer]:
    """A Redis with 200,000 keys, three quarters of them sessions."""
    with RedisServer() as server, server.client() as client:
        client.eval(
            "for i = 1, ARGV[1] do"
            " redis.call('set', (i % 4 == 0 and 'pool:' or 'session:') .. i, string.rep('v', i % 100)) end",
            0,
            str(MANY),
        )
        yield server


async def test_globs_and_expressions_make_groups_and_the_first_that_fits_counts(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.mset({"session:1": "a", "session:2": "b", "pool:minor:7": "c", "pool:major:8": "d", "lonely": "e"})

    result = await _groups(redis_server.url, patterns=["session:[^9]*", "^(pool):(\\w+):", "session:(.)"])

    assert _counts(result) == {"session:[^9]*": 2, "poolminor": 1, "poolmajor": 1, "unclassified": 1}
    assert result.value("redis_number_of_distinct_key_groups", db="db0") == 4
    assert result.value("redis_key_groups_scanned_ratio", db="db0") == 1
    assert result.batch.notes == ()


async def test_every_database_with_keys_is_scanned(private_redis: RedisServer) -> None:
    with private_redis.client() as client:
        client.set("a:1", "x")
        client.select(7)
        client.set("a:2", "x")
        client.set("a:3", "x")

    result = await _groups(private_redis.url, patterns=["a:*"])

    assert (_counts(result, "db0"), _counts(result, "db7")) == ({"a:*": 1}, {"a:*": 2})


async def test_memory_is_that_of_the_keys_when_all_are_weighed(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.mset({f"a:{n}": "x" * n * 10 for n in range(50)})
        weight = sum(client.memory_usage(f"a:{n}") or 0 for n in range(50))

    result = await _groups(redis_server.url, patterns=["a:*"])

    assert result.value("redis_key_group_memory_usage_bytes", db="db0", key_group="a:*") == weight


async def test_groups_over_the_cap_are_added_up(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.mset({f"user{n}:{m}": "x" for n in range(40) for m in range(n + 1)})

    result = await _groups(redis_server.url, patterns=["^(user\\d+):"], max_groups=4)

    assert _counts(result) == {"user39": 40, "user38": 39, "user37": 38, "user36": 37, "other": sum(range(1, 37))}
    assert sum(note.dropped for note in result.batch.notes) == 36


async def test_more_groups_than_can_be_held_lose_no_key(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.mset({f"user{n}:x": "x" for n in range(2000)})

    result = await _groups(redis_server.url, patterns=["^(user\\d+):"], max_groups=2)

    assert sum(_counts(result).values()) == 2000
    assert len(_counts(result)) == 3


async def test_names_may_hold_anything(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.mset({b'a"\n\\:1': "x", b"a\xff\xfe:2": "x", "a\U0001f3b0:3": "x", b"a" * 5000 + b":4": "x"})

    result = await _groups(redis_server.url, patterns=["(?s)^(.+):"])

    assert _counts(result).keys() >= {'a"\n\\', "a\ufffd\ufffd", "a\U0001f3b0"}
    assert max(map(len, _counts(result))) <= 200


async def test_an_empty_server_gives_no_groups_and_no_failure(redis_server: RedisServer) -> None:
    result = await _groups(redis_server.url, patterns=["a:*"])

    assert result.batch.outcome is Outcome.OK
    assert "redis_key_group_count" not in result.families


async def test_two_hundred_thousand_keys_are_counted_exactly(crowded: RedisServer) -> None:
    result = await _groups(crowded.url, patterns=["session:*", "pool:*"])

    assert _counts(result) == {"session:*": MANY * 3 / 4, "pool:*": MANY / 4}
    weight = result.value("redis_key_group_memory_usage_bytes", db="db0", key_group="pool:*")
    assert weight is not None
    assert 60 < weight / (MANY / 4) < 250


async def test_a_scan_that_is_cut_short_estimates_and_says_so(crowded: RedisServer) -> None:
    result = await _groups(crowded.url, patterns=["session:*", "pool:*"], max_keys=10_000)

    assert (result.value("redis_key_groups_scanned_ratio", db="db0") or 0) == pytest.approx(0.05, rel=0.2)
    assert _counts(result)["session:*"] == pytest.approx(MANY * 3 / 4, rel=0.05)
    assert _counts(result)["pool:*"] == pytest.approx(MANY / 4, rel=0.1)
    assert "db0 scan" in result.notes()


async def test_a_scan_ends_before_its_deadline(crowded: RedisServer) -> None:
    result = await _groups(crowded.url, timeout_seconds=0.5, patterns=["session:*"])

    assert result.batch.outcome is Outcome.OK
    assert result.batch.seconds < 0.5
    assert sum(_counts(result).values()) == pytest.approx(MANY, rel=0.01)


async def test_a_scan_is_in_nobodys_way(crowded: RedisServer) -> None:
    """While 200,000 keys are scanned, Redis is read as before, the loop runs, and no command takes 20 ms."""
    gaps: list[float] = []
    rounds: list[float] = []

    async def tick() -> None:
        while True:
            before = time.thread_time()  # what other processes of the machine take is not ours
            await asyncio.sleep(0)
            gaps.append(time.thread_time() - before)

    with crowded.client() as client:
        client.config_resetstat()
    settings = KeyGroupsSettings(patterns=("session:*",))
    async with _job(crowded.url, settings) as job, watching(crowded.url) as watch:
        await watch.collect()
        scan = asyncio.create_task(collect(job, "jackpot"))
        ticker = asyncio.create_task(tick())
        while not scan.done():
            rounds.append((await collect(watch.job, "jackpot")).seconds)
        ticker.cancel()
        assert (await scan).outcome is Outcome.OK

    with crowded.client() as client:
        took = {name: found["usec_per_call"] for name, found in client.info("commandstats").items()}
    assert len(rounds) > 20
    assert sorted(rounds)[len(rounds) // 2] < 0.5
    assert sorted(gaps)[int(len(gaps) * 0.99)] < 0.01
    assert max(took.values()) < 20_000, f"KEYS takes 40 ms; {took}"


async def test_a_cancelled_scan_leaves_a_usable_session(crowded: RedisServer) -> None:
    settings = KeyGroupsSettings(patterns=("session:*",))
    async with _job(crowded.url, settings) as job:
        scan = asyncio.create_task(collect(job, "jackpot"))
        await asyncio.sleep(0.05)
        scan.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scan

        assert (await collect(job, "jackpot")).outcome is Outcome.OK


async def test_without_permission_to_weigh_keys_are_still_counted(private_redis: RedisServer) -> None:
    with private_redis.client() as client:
        client.mset({"a:1": "x", "a:2": "x"})
        rights = ["+info", "+scan", "+select", "+dbsize"]
        client.acl_setuser("watch", enabled=True, passwords=["+pw"], commands=rights, keys=["*"])

    result = await _groups(f"redis://watch:pw@127.0.0.1:{private_redis.port}", patterns=["a:*"])

    assert _counts(result) == {"a:*": 2}
    assert "redis_key_group_memory_usage_bytes" not in result.families
    assert [(note.key, note.outcome) for note in result.batch.notes] == [("memory", Outcome.PERMISSION)]


async def test_without_permission_to_scan_the_collection_says_so(private_redis: RedisServer) -> None:
    with private_redis.client() as client:
        client.set("a:1", "x")
        rights = ["+info", "+select", "+dbsize"]
        client.acl_setuser("watch", enabled=True, passwords=["+pw"], commands=rights)

    result = await _groups(f"redis://watch:pw@127.0.0.1:{private_redis.port}", patterns=["a:*"])

    assert result.batch.outcome is Outcome.PERMISSION
    assert "scan" in result.batch.message


def test_a_list_of_patterns_is_settings_enough() -> None:
    assert KeyGroupsSettings.model_validate(["session:*"]).patterns == ("session:*",)


def test_what_is_no_pattern_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a regular expression"):
        KeyGroupsSettings.model_validate(["a(b"])
