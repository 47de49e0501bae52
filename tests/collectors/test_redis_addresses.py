"""A Redis found among several hosts, through sentinels and in a cluster."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from harness.redis_collection import Collected, Watch, collected, outcome, watching
from harness.waiting import eventually, eventually_async
from jackpot_exporter.clients.redis import RedisSession
from jackpot_exporter.config import RedisSource
from jackpot_exporter.demo.servers import RedisServer
from jackpot_exporter.errors import MissingError
from jackpot_exporter.model import Outcome


async def test_the_first_of_several_hosts_that_answers_is_read(redis_server: RedisServer) -> None:
    result = await collected(f"redis://127.0.0.1:1,127.0.0.1:{redis_server.port}")

    info = next(iter(result.families["redis_instance_info"].samples)).labels
    assert info["tcp_port"] == str(redis_server.port)


async def test_several_hosts_that_do_not_answer_are_refused() -> None:
    assert await outcome("redis://127.0.0.1:1,127.0.0.1:2") == (Outcome.REFUSED, 0)


class Sentinel(RedisServer):
    """A Redis Sentinel that watches one master."""

    def __init__(self, master: RedisServer) -> None:
        super().__init__()
        self.master = master

    def prepare(self) -> None:
        lines = [
            f"port {self.port}",
            f"sentinel monitor cache 127.0.0.1 {self.master.port} 1",
            "sentinel down-after-milliseconds cache 500",
            "sentinel failover-timeout cache 3000",
        ]
        file = self.folder / "sentinel.conf"
        file.write_text("\n".join(lines) + "\n")
        self.folder.chmod(0o777)
        file.chmod(0o666)

    def command(self) -> list[str]:
        return [super().command()[0], str(self.folder / "sentinel.conf"), "--sentinel"]


async def test_sentinels_name_the_master_also_after_a_failover(private_redis: RedisServer, closing: ExitStack) -> None:
    replica = closing.enter_context(RedisServer("--replicaof", f"127.0.0.1 {private_redis.port}"))
    sentinel = closing.enter_context(Sentinel(private_redis))
    with sentinel.client() as client:
        eventually(lambda: client.sentinel_slaves("cache"), within=60)

    async with watching(f"sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/cache") as watch:
        assert await _port(watch) == private_redis.port
        private_redis.kill()
        await eventually_async(lambda: _is_read(watch, replica.port), within=60)


async def test_a_sentinel_itself_tells_of_the_masters_it_watches(
    private_redis: RedisServer, closing: ExitStack
) -> None:
    replica = closing.enter_context(RedisServer("--replicaof", f"127.0.0.1 {private_redis.port}"))
    sentinel = closing.enter_context(Sentinel(private_redis))
    with sentinel.client() as client:
        eventually(lambda: client.sentinel_slaves("cache"), within=60)

    before = await _sentinel_says(sentinel, status=1, replicas=1)
    replica.kill()
    private_redis.kill()
    after = await _sentinel_says(sentinel, status=0, replicas=0)

    of = {"master_name": "cache", "master_address": f"127.0.0.1:{private_redis.port}"}
    assert (before.batch.outcome, before.batch.notes) == (Outcome.OK, ())
    assert before.value("redis_sentinel_masters") == 1
    assert before.value("redis_sentinel_master_status", **of, master_status="ok") == 1
    assert before.value("redis_sentinel_master_slaves", **of) == 1
    assert before.value("redis_sentinel_master_ok_slaves", **of) == 1
    assert before.value("redis_sentinel_master_ok_sentinels", **of) == 1
    assert before.value("redis_sentinel_master_setting_down_after_milliseconds", **of) == 500
    assert before.value("redis_sentinel_master_ckquorum_status", master_name="cache", message="") == 1
    assert after.value("redis_sentinel_master_ok_slaves", **of) == 0


async def _sentinel_says(sentinel: RedisServer, status: int, replicas: int) -> Collected:
    """What it says once the master and its replicas are seen in this state."""

    async def look() -> list[Collected]:
        result = await collected(sentinel.url)
        names = ("redis_sentinel_master_status", "redis_sentinel_master_ok_slaves")
        seen = [result.families[name].samples[0].value for name in names]
        return [result] if seen == [status, replicas] else []

    return (await eventually_async(look, within=60))[0]


async def test_a_node_of_a_cluster_tells_of_the_cluster(closing: ExitStack) -> None:
    node = closing.enter_context(RedisServer("--cluster-enabled", "yes"))
    with node.client() as client:
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16_000)
        partly = await collected(f"redis://127.0.0.1:1,127.0.0.1:{node.port}")
        client.execute_command("CLUSTER ADDSLOTSRANGE", 16_001, 16_383)
        eventually(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok", within=60)
        whole = await collected(node.url)

    assert partly.value("redis_cluster_enabled") == 1
    assert partly.value("redis_cluster_state") == 0
    assert partly.value("redis_cluster_slots_assigned") == 16_001
    assert (whole.batch.outcome, whole.batch.notes) == (Outcome.OK, ())
    assert whole.value("redis_cluster_state") == 1
    assert whole.value("redis_cluster_slots_ok") == 16_384
    assert whole.value("redis_cluster_known_nodes") == 1
    assert whole.value("redis_db_keys", db="db0") == 0


async def _port(watch: Watch) -> int:
    result = await watch.collect()
    return int(next(iter(result.families["redis_instance_info"].samples)).labels["tcp_port"])


async def _is_read(watch: Watch, port: int) -> bool:
    return await _port(watch) == port


async def test_a_master_the_sentinels_do_not_know_is_missing(private_redis: RedisServer, closing: ExitStack) -> None:
    sentinel = closing.enter_context(Sentinel(private_redis))

    session = RedisSession(RedisSource(url=f"sentinel://127.0.0.1:{sentinel.port}/other"), "main", 5)

    with pytest.raises(MissingError, match="knows no master 'other'"):
        async with session.turn():
            pytest.fail("a turn with a server that nobody knows")
