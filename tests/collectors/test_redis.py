"""The Redis collector says of a real server what the server says of itself."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import Any

import pytest

from harness.redis_collection import Collected, collected, watching
from harness.waiting import eventually, eventually_async
from jackpot_exporter.collectors._redis_fields import FIELDS
from jackpot_exporter.collectors.redis import TYPE
from jackpot_exporter.demo.servers import RedisServer
from jackpot_exporter.model import Kind, Outcome

_MOVING = {
    "active", "allocated", "allocator", "buffer", "cpu", "defrag", "eventloop", "frag", "fragmentation", "hz", "mem",
    "memory", "net", "processed", "received", "rss", "uptime",
}  # fmt: skip


def _is_still(name: str) -> bool:
    """Whether nothing but traffic moves it."""
    return not _MOVING & set(name.split("_"))


async def test_info_fields_have_the_values_of_info(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.set("a", "1", ex=500)
        client.get("a")
        client.get("nothing")
        result = await collected(redis_server.url)
        info: dict[str, Any] = client.info("all")

    still = {field: spec for field, spec in FIELDS.items() if field in info and _is_still(spec.name)}
    shown = {field: result.value(spec.name) for field, spec in still.items()}
    words = {"ok": 1, "err": 0}
    # Our own connection and the client's, which asks afterwards, are what differs.
    said = {field: words.get(info[field], info[field]) for field in still}
    assert len(still) > 60
    assert {k: v for k, v in shown.items() if v != said[k] and k != "connected_clients"} == {}
    assert result.value("redis_keyspace_hits_total") == 1
    assert result.value("redis_keyspace_misses_total") == 1


@pytest.mark.parametrize("version", [7, 8])
async def test_every_known_version_is_read_without_a_note(closing: ExitStack, version: int) -> None:
    server = closing.enter_context(RedisServer(version=version))

    result = await collected(server.url)

    assert (result.batch.outcome, result.batch.notes) == (Outcome.OK, ())
    assert result.value("redis_up") == 1
    info = next(iter(result.families["redis_instance_info"].samples)).labels
    assert info["redis_version"].startswith(f"{version}.")
    assert info["tcp_port"] == str(server.port)


async def test_ping_and_the_state_of_the_cache_are_about_the_service(redis_server: RedisServer) -> None:
    result = await collected(redis_server.url)

    assert 0 < (result.value("jackpot_cache_ping_seconds") or 0) < 5
    assert result.value("jackpot_dependency_up", dependency="cache") == 1
    assert result.value("jackpot_dependency_response_seconds", dependency="cache") == result.value(
        "jackpot_cache_ping_seconds"
    )


async def test_databases_are_shown_also_when_they_are_empty(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.mset({"a": "1", "b": "2"})
        client.expire("a", 100)

    result = await collected(redis_server.url)

    assert result.value("redis_db_keys", db="db0") == 2
    assert result.value("redis_db_keys_expiring", db="db0") == 1
    assert result.value("redis_db_avg_ttl_seconds", db="db0") is not None
    assert result.value("redis_db_keys", db="db15") == 0
    assert result.value("redis_db_keys", db="db16") is None


async def test_commands_are_counted_with_their_time_and_failures(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        for _ in range(5):
            client.set("a", "text")
        with pytest.raises(Exception, match="not an integer"):
            client.incr("a")
        result = await collected(redis_server.url)
        stats: dict[str, Any] = client.info("commandstats")
        errors: dict[str, Any] = client.info("errorstats")

    assert result.value("redis_commands_total", cmd="set") == 5
    assert result.value("redis_commands_duration_seconds_total", cmd="set") == stats["cmdstat_set"]["usec"] / 1e6
    assert result.value("redis_commands_failed_calls_total", cmd="incrby") == 1
    assert result.value("redis_commands_rejected_calls_total", cmd="incrby") == 0
    assert result.value("redis_errors_total", err="ERR") == errors["errorstat_ERR"]["count"]


async def test_latency_histograms_have_the_same_bounds_for_every_command(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        for _ in range(50):
            client.set("a", "1")
        client.eval("for i = 1, 200000 do redis.call('get', 'a') end", 0)
        result = await collected(redis_server.url)
        said: dict[str, Any] = client.execute_command("LATENCY", "HISTOGRAM", "set")

    bounds: dict[str, set[str]] = {}
    for name, labels in result.values:
        if name == "redis_commands_latencies_usec_bucket":
            bounds.setdefault(dict(labels)["cmd"], set()).add(dict(labels)["le"])
    assert len(bounds) > 2
    assert len(set(map(frozenset, bounds.values()))) == 1
    for bound, count in said["set"]["histogram_usec"].items():
        assert result.value("redis_commands_latencies_usec_bucket", cmd="set", le=f"{float(bound)}") == count
    assert result.value("redis_commands_latencies_usec_count", cmd="set") == 50


async def test_percentiles_are_parts_of_one(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.set("a", "1")
        result = await collected(redis_server.url)
        stats: dict[str, Any] = client.info("latencystats")

    said = stats["latency_percentiles_usec_set"]
    for percent, quantile in (("p50", "0.5"), ("p99", "0.99"), ("p99.9", "0.999")):
        assert result.value("redis_latency_percentiles_usec", cmd="set", quantile=quantile) == said[percent]
    assert result.value("redis_latency_percentiles_usec_count", cmd="set") == 1


async def test_slow_log_gives_its_last_entry(private_redis: RedisServer) -> None:
    with private_redis.client() as client:
        empty = await collected(private_redis.url)
        client.config_set("slowlog-log-slower-than", 1000)
        client.eval("for _ = 1, 1e7 do end", 0)  # a script's clock stands still
        result = await collected(private_redis.url)

    assert empty.value("redis_slowlog_length") == 0
    assert empty.value("redis_last_slow_execution_timestamp_seconds") is None
    assert result.value("redis_slowlog_length") == 1
    assert result.value("redis_slowlog_last_id") == 0
    assert 0.005 <= (result.value("redis_last_slow_execution_duration_seconds") or 0) < 5
    assert abs((result.value("redis_last_slow_execution_timestamp_seconds") or 0) - time.time()) < 30


async def test_settings_are_shown(closing: ExitStack) -> None:
    server = closing.enter_context(RedisServer("--maxmemory", "64mb", "--maxclients", "77", "--databases", "3"))

    result = await collected(server.url)

    assert result.value("redis_config_maxmemory") == result.value("redis_memory_max_bytes") == 64 * 1024**2
    assert result.value("redis_config_maxclients") == result.value("redis_max_clients") == 77
    assert result.value("redis_config_io_threads") == 1
    limits = {"class": "pubsub", "limit": "hard"}
    assert result.value("redis_config_client_output_buffer_limit_bytes", **limits) == 32 * 1024**2
    assert result.value("redis_config_client_output_buffer_limit_overcome_seconds", **{**limits, "limit": "soft"}) == 60
    assert result.value("redis_db_keys", db="db2") == 0
    assert result.value("redis_db_keys", db="db3") is None


async def test_evictions_are_counted(closing: ExitStack) -> None:
    server = closing.enter_context(RedisServer("--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"))
    with server.client() as client:
        for key in range(400):
            client.set(f"k{key}", "x" * 20_000)

        result = await collected(server.url)

    assert (result.value("redis_evicted_keys_total") or 0) > 100
    info = next(iter(result.families["redis_instance_info"].samples)).labels
    assert info["maxmemory_policy"] == "allkeys-lru"


async def test_a_failed_snapshot_shows_at_once(private_redis: RedisServer) -> None:
    with private_redis.client() as client:
        client.set("a", "1")
        good = await collected(private_redis.url)
        (private_redis.folder / "dump.rdb").mkdir()  # the snapshot cannot take its name
        client.bgsave()
        eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        bad = await collected(private_redis.url)

    assert good.value("redis_rdb_last_bgsave_status") == 1
    assert bad.value("redis_rdb_last_bgsave_status") == 0
    assert (bad.value("redis_rdb_changes_since_last_save") or 0) >= 1
    assert bad.value("redis_rdb_last_save_timestamp_seconds") is not None


async def test_the_append_only_file_is_shown_when_it_is_in_use(closing: ExitStack) -> None:
    server = closing.enter_context(RedisServer("--appendonly", "yes"))
    with server.client() as client:
        client.set("a", "1")

    result = await collected(server.url)

    assert result.value("redis_aof_enabled") == 1
    assert (result.value("redis_aof_current_size_bytes") or 0) > 0
    assert result.value("redis_aof_last_write_status") == 1
    assert result.value("redis_aof_delayed_fsync") is not None


async def test_both_ends_of_replication_are_shown(private_redis: RedisServer, closing: ExitStack) -> None:
    replica = closing.enter_context(RedisServer("--replicaof", f"127.0.0.1 {private_redis.port}"))
    with private_redis.client() as client, replica.client() as replica_client:
        eventually(lambda: replica_client.info("replication")["master_link_status"] == "up", within=60)
        client.set("a", "1")
        eventually(lambda: client.info("replication")["slave0"]["state"] == "online", within=60)

        master, slave = await collected(private_redis.url), await collected(replica.url)

    seen = {"slave_ip": "127.0.0.1", "slave_port": str(replica.port), "slave_state": "online"}
    assert master.value("redis_connected_slaves") == 1
    assert (master.value("redis_connected_slave_offset_bytes", **seen) or 0) >= 0
    assert master.value("redis_connected_slave_lag_seconds", **seen) in (0, 1, 2)
    of = {"master_host": "127.0.0.1", "master_port": str(private_redis.port)}
    assert slave.value("redis_master_link_up", **of) == 1
    assert slave.value("redis_master_sync_in_progress", **of) == 0
    assert slave.value("redis_slave_repl_offset", **of) is not None
    assert slave.value("redis_slave_info", **of, read_only="1") == 1


async def test_a_lost_master_shows_as_a_link_that_is_down(private_redis: RedisServer, closing: ExitStack) -> None:
    replica = closing.enter_context(RedisServer("--replicaof", f"127.0.0.1 {private_redis.port}"))
    with replica.client() as client:
        eventually(lambda: client.info("replication")["master_link_status"] == "up", within=60)
        private_redis.kill()
        eventually(lambda: client.info("replication")["master_link_status"] == "down", within=60)

    result = await collected(replica.url)

    of = {"master_host": "127.0.0.1", "master_port": str(private_redis.port)}
    assert result.value("redis_master_link_up", **of) == 0


async def test_a_server_that_loads_its_data_is_up_and_serves_nobody(closing: ExitStack) -> None:
    slowly = ("--key-load-delay", "300", "--loading-process-events-interval-bytes", "1024")
    server = closing.enter_context(RedisServer("--enable-debug-command", "yes", *slowly))

    def reload() -> None:
        with server.client() as client:
            client.execute_command("DEBUG", "RELOAD")

    async def loading() -> list[Collected]:
        result = await collected(server.url)
        return [result] if result.value("redis_loading_dump_file") else []

    with server.client() as client:
        client.execute_command("DEBUG", "POPULATE", 10_000)
    reloading = asyncio.create_task(asyncio.to_thread(reload))
    [result] = await eventually_async(loading)
    await reloading
    after = await collected(server.url)

    assert (result.batch.outcome, result.value("redis_up")) == (Outcome.OK, 1)
    assert result.value("jackpot_dependency_up", dependency="cache") == 0
    assert (after.value("redis_loading_dump_file"), after.value("jackpot_dependency_up", dependency="cache")) == (0, 1)


async def test_every_family_is_declared(redis_server: RedisServer) -> None:
    result = await collected(redis_server.url)

    assert result.batch.families.keys() <= {spec.full_name("jackpot") for spec in TYPE.metrics}


async def test_start_time_does_not_waver(redis_server: RedisServer) -> None:
    async with watching(redis_server.url) as watch:
        times = {(await watch.collect()).value("redis_start_time_seconds") for _ in range(200)}

    assert len(times) == 1


async def test_counters_stay_counters_when_more_errors_come_than_are_shown(private_redis: RedisServer) -> None:
    def fail(words: range) -> None:
        with private_redis.client() as client:
            for word in words:
                with pytest.raises(Exception, match="no"):
                    client.eval(f"return redis.error_reply('WORD{word} no')", 0)

    def count(result: Collected) -> dict[str, float]:
        return {s.labels["err"]: s.value for s in result.families["redis_errors_total"].samples}

    async with watching(private_redis.url) as watch:
        fail(range(60))
        before = await watch.collect()
        for _ in range(3):
            fail(range(50, 60))  # those that are not shown are now the greatest
        after = await watch.collect()

    assert len(count(before)) == 41
    assert count(before)["other"] >= 20
    assert count(after)["other"] == count(before)["other"] + 30
    assert count(after).keys() == count(before).keys()
    assert sum(note.dropped for note in after.batch.notes) == count(before)["other"]


def test_no_family_has_two_types() -> None:
    kinds: dict[str, set[Kind]] = {}
    for spec in FIELDS.values():
        kinds.setdefault(spec.name, set()).add(spec.kind)

    assert {name for name, found in kinds.items() if len(found) > 1} == set()
    assert len(kinds) == len(FIELDS)
