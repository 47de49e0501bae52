"""The Redis session: every way in, every way to be refused, and nothing left over after a fault."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from harness.proxy import FaultProxy
from harness.redis_collection import Collected, Watch, collected, watching
from harness.waiting import eventually, eventually_async
from jackpot_exporter.clients.redis import RedisSession
from jackpot_exporter.collectors import redis
from jackpot_exporter.config import RedisSource
from jackpot_exporter.demo.servers import RedisServer, free_port
from jackpot_exporter.errors import MissingError, SourceTimeoutError
from jackpot_exporter.model import Outcome
from jackpot_exporter.redaction import redact


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would open one more


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost and one for a client, by an authority of our own."""
    folder = tmp_path_factory.mktemp("tls")
    folder.parent.chmod(0o755)
    folder.chmod(0o755)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    _openssl("req", "-x509", *key, "-subj", "/CN=authority", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt")
    for name in ("server", "client"):
        signed = ("-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key", "-addext", "subjectAltName=DNS:localhost")
        out = ("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt")
        _openssl("req", "-x509", *key, "-subj", "/CN=localhost", *signed, *out)
        (folder / f"{name}.key").chmod(0o644)
    return folder


@pytest.fixture
def tls_redis(certificates: Path, closing: ExitStack) -> tuple[RedisServer, int]:
    """A Redis that also listens for TLS and wants a client's certificate; with that port."""
    port = free_port()
    files = ("--tls-cert-file", "server.crt", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.crt")
    absolute = [str(certificates / word) if "." in word else word for word in files]
    server = closing.enter_context(RedisServer("--tls-port", str(port), *absolute, "--tls-auth-clients", "yes"))
    return server, port


def _tls_source(folder: Path, port: int, host: str = "localhost", ca_file: Path | None = None) -> RedisSource:
    return RedisSource(
        url=f"rediss://{host}:{port}",
        ca_file=ca_file or folder / "ca.crt",
        cert_file=folder / "client.crt",
        key_file=folder / "client.key",
    )


async def _outcome(source: RedisSource | str) -> tuple[Outcome, float | None]:
    result = await collected(source)
    return result.batch.outcome, result.value("redis_up")


async def test_tls_with_certificates_of_both_sides(tls_redis: tuple[RedisServer, int], certificates: Path) -> None:
    assert await _outcome(_tls_source(certificates, tls_redis[1])) == (Outcome.OK, 1)


async def test_tls_refuses_a_certificate_it_cannot_trust(
    tls_redis: tuple[RedisServer, int], certificates: Path
) -> None:
    result = await collected(_tls_source(certificates, tls_redis[1], ca_file=certificates / "client.crt"))

    assert (result.batch.outcome, result.value("redis_up")) == (Outcome.REFUSED, 0)
    assert "certificate verify failed" in result.batch.message


async def test_tls_refuses_a_certificate_of_another_host(
    tls_redis: tuple[RedisServer, int], certificates: Path
) -> None:
    result = await collected(_tls_source(certificates, tls_redis[1], host="127.0.0.1"))

    assert result.batch.outcome is Outcome.REFUSED
    assert "127.0.0.1" in result.batch.message


async def test_a_certificate_file_that_is_not_there_is_named(certificates: Path) -> None:
    result = await collected(_tls_source(certificates, 1, ca_file=Path("/nowhere/ca.crt")))

    assert result.batch.outcome is Outcome.AUTH
    assert result.batch.message == "cannot read /nowhere/ca.crt: No such file or directory"


async def test_a_mute_tls_server_costs_a_deadline_and_no_more(
    tls_redis: tuple[RedisServer, int], certificates: Path, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(tls_redis[1])
    async with watching(_tls_source(certificates, proxy.port), timeout_seconds=0.5) as watch:
        assert (await watch.collect()).batch.outcome is Outcome.OK
        proxy.mute()
        assert (await watch.collect()).batch.outcome is Outcome.TIMEOUT
        await eventually_async(lambda: _no_connection(proxy), within=2)


async def _no_connection(proxy: FaultProxy) -> bool:
    return proxy.open_connections == 0


async def test_unix_socket(redis_server: RedisServer) -> None:
    assert await _outcome(f"unix://{redis_server.socket_path}") == (Outcome.OK, 1)


async def test_a_wrong_password_is_a_wrong_password_on_a_unix_socket_too(closing: ExitStack) -> None:
    server = closing.enter_context(RedisServer(password="right"))

    assert await _outcome(f"unix://:wrong@{server.socket_path}") == (Outcome.AUTH, 0)
    assert await _outcome(f"unix://:right@{server.socket_path}") == (Outcome.OK, 1)


@pytest.mark.parametrize("login", ["", ":wrong@", "nobody:right@"], ids=["none", "wrong", "unknown user"])
async def test_a_refused_login_is_told_from_a_lost_server(closing: ExitStack, login: str) -> None:
    server = closing.enter_context(RedisServer(password="right"))

    assert await _outcome(f"redis://{login}127.0.0.1:{server.port}") == (Outcome.AUTH, 0)


async def test_the_password_of_the_url_is_never_shown(closing: ExitStack) -> None:
    server = closing.enter_context(RedisServer(password="sesame+open%"))

    await collected(f"redis://:sesame+open%25@127.0.0.1:{server.port}")

    assert redact("sesame+open% or sesame%2Bopen%25") == "*** or ***"


async def test_a_rotated_password_needs_no_restart(closing: ExitStack, tmp_path: Path) -> None:
    server = closing.enter_context(RedisServer(password="first"))
    file = tmp_path / "password"
    file.write_text("first\n")
    source = RedisSource(url=f"redis://127.0.0.1:{server.port}", password_file=file)

    async with watching(source) as watch:
        outcomes = [(await watch.collect()).batch.outcome]
        await asyncio.to_thread(_change_password, server)
        outcomes.append((await watch.collect()).batch.outcome)
        file.write_text("second\n")
        outcomes.append((await watch.collect()).batch.outcome)

    assert outcomes == [Outcome.OK, Outcome.AUTH, Outcome.OK]
    assert redact("second") == "***"


def _change_password(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("requirepass", "second")
        client.client_kill_filter(_type="normal", skipme=True)
        eventually(lambda: len(client.client_list()) == 1)


async def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    result = await collected(RedisSource(url="redis://127.0.0.1:1", password_file=tmp_path / "none"))

    assert result.batch.outcome is Outcome.AUTH
    assert str(tmp_path / "none") in result.batch.message


async def test_a_restricted_user_loses_parts_and_not_the_rest(private_redis: RedisServer) -> None:
    with private_redis.client() as client:
        client.acl_setuser("watch", enabled=True, passwords=["+pw"], commands=["+info", "+ping"])
        async with watching(f"redis://watch:pw@127.0.0.1:{private_redis.port}") as watch:
            first = await watch.collect()
            denied = client.info("errorstats")["errorstat_NOPERM"]
            for _ in range(5):
                again = await watch.collect()

        assert first.batch.outcome is Outcome.OK
        assert first.value("redis_up") == 1
        assert first.value("redis_connected_clients") is not None
        assert first.value("redis_db_keys", db="db0") == 0
        assert first.notes().keys() == {"config", "slowlog", "latency latest", "latency histogram"}
        assert "CONFIG GET: this user has no permissions" in first.notes()["config"].replace("User watch", "this user")
        assert first.notes()["slowlog"].endswith("; it needs +slowlog|len +slowlog|get")
        assert {note.outcome for note in first.batch.notes} == {Outcome.PERMISSION}
        assert again.notes() == first.notes()
        assert client.info("errorstats")["errorstat_NOPERM"] == denied, "it is not asked for again at once"


async def test_the_rights_that_are_named_are_enough(private_redis: RedisServer) -> None:
    documented = " ".join((redis.__doc__ or "").partition("ACL SETUSER exporter on >password ")[2].split())
    with private_redis.client() as client:
        client.execute_command("ACL SETUSER", "watch", "on", ">pw", *documented.split())

        result = await collected(f"redis://watch:pw@127.0.0.1:{private_redis.port}")

        assert (result.batch.outcome, result.batch.notes) == (Outcome.OK, ())
        assert client.acl_log() == []


async def test_a_user_who_may_not_even_ping_gets_what_he_may(private_redis: RedisServer) -> None:
    with private_redis.client() as client:
        client.acl_setuser("watch", enabled=True, passwords=["+pw"], commands=["+info"])

    result = await collected(f"redis://watch:pw@127.0.0.1:{private_redis.port}")

    assert result.batch.outcome is Outcome.OK
    assert result.value("jackpot_dependency_up", dependency="cache") == 1


async def test_a_user_without_info_is_told_so_and_the_server_is_up(private_redis: RedisServer) -> None:
    with private_redis.client() as client:
        client.acl_setuser("watch", enabled=True, passwords=["+pw"], commands=["+ping"])

    result = await collected(f"redis://watch:pw@127.0.0.1:{private_redis.port}")

    assert (result.batch.outcome, result.value("redis_up")) == (Outcome.PERMISSION, 1)
    assert result.batch.message.endswith("it needs +info")


async def test_a_renamed_command_is_a_note(closing: ExitStack) -> None:
    server = closing.enter_context(RedisServer("--rename-command", "CONFIG", "", "--rename-command", "SLOWLOG", "SL"))

    result = await collected(server.url)

    assert result.batch.outcome is Outcome.OK
    assert {note.key: note.outcome for note in result.batch.notes} == {
        "config": Outcome.MISSING,
        "slowlog": Outcome.MISSING,
    }


async def test_a_server_that_is_not_there_is_refused() -> None:
    assert await _outcome("redis://127.0.0.1:1") == (Outcome.REFUSED, 0)


async def test_a_name_that_does_not_resolve_is_refused() -> None:
    assert await _outcome("redis://nowhere.invalid:6379") == (Outcome.REFUSED, 0)


async def test_a_mute_server_costs_a_deadline_and_leaves_nothing(
    redis_server: RedisServer, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(redis_server.port)
    async with watching(f"redis://127.0.0.1:{proxy.port}", timeout_seconds=0.5) as watch:
        assert (await watch.collect()).batch.outcome is Outcome.OK
        proxy.mute()
        tasks = len(asyncio.all_tasks())
        for _ in range(3):
            result = await watch.collect()
            assert result.batch.outcome is Outcome.TIMEOUT
            assert result.value("redis_up") == 0
            assert result.value("jackpot_dependency_up", dependency="cache") == 0
            assert result.batch.seconds < 0.5
        assert len(asyncio.all_tasks()) == tasks
        await eventually_async(lambda: _no_connection(proxy))
        proxy.pass_through()
        assert (await watch.collect()).batch.outcome is Outcome.OK


async def test_a_stopped_process_is_a_timeout_and_comes_back(private_redis: RedisServer) -> None:
    async with watching(private_redis.url, timeout_seconds=0.5) as watch:
        private_redis.pause()
        stopped = await watch.collect()
        private_redis.resume()

        assert stopped.batch.outcome is Outcome.TIMEOUT
        assert (await watch.collect()).batch.outcome is Outcome.OK


async def test_a_restarted_server_costs_no_collection(private_redis: RedisServer) -> None:
    async with watching(private_redis.url) as watch:
        outcomes = [(await watch.collect()).batch.outcome]
        await asyncio.to_thread(private_redis.restart)
        outcomes.append((await watch.collect()).batch.outcome)

    assert outcomes == [Outcome.OK, Outcome.OK]


@pytest.mark.parametrize("after", [0, 3, 1000, 5000])
async def test_an_answer_cut_short_is_refused_and_the_next_is_whole(
    redis_server: RedisServer, proxy_to: Callable[[int], FaultProxy], after: int
) -> None:
    proxy = proxy_to(redis_server.port)
    async with watching(f"redis://127.0.0.1:{proxy.port}") as watch:
        proxy.cut(after)
        assert (await watch.collect()).batch.outcome is Outcome.REFUSED
        proxy.pass_through()
        assert (await watch.collect()).batch.outcome is Outcome.OK


async def test_a_slow_answer_is_read_whole(redis_server: RedisServer, proxy_to: Callable[[int], FaultProxy]) -> None:
    proxy = proxy_to(redis_server.port)
    proxy.delay(0.05)
    async with watching(f"redis://127.0.0.1:{proxy.port}") as watch:
        result = await watch.collect()

    assert result.batch.outcome is Outcome.OK
    assert (result.value("jackpot_cache_ping_seconds") or 0) >= 0.05


GARBAGE = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no number": b":many\r\n",
    "deep": b"*1\r\n" * 5000,
    "long line": b"+" + b"x" * 200_000 + b"\r\n",
    "wrong types": b":1\r\n" * 50,
    "empty info": b"+PONG\r\n" + b"$0\r\n\r\n" * 50,
    "lists": b"*0\r\n" * 50,
    "nulls": b"$-1\r\n" * 50,
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE.keys())
async def test_what_is_no_redis_is_bad_data(answer: bytes) -> None:
    ended: asyncio.Queue[None] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        with suppress(OSError):
            await reader.read()
        writer.close()
        ended.put_nowait(None)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with watching(f"redis://127.0.0.1:{port}", timeout_seconds=2) as watch:
            result = await watch.collect()
            await asyncio.wait_for(ended.get(), 5)

    assert (result.batch.outcome, result.value("redis_up")) == (Outcome.BAD_DATA, 0)
    assert len(result.batch.message) < 300


async def test_noise_never_becomes_a_bug(redis_server: RedisServer, proxy_to: Callable[[int], FaultProxy]) -> None:
    proxy = proxy_to(redis_server.port)
    async with watching(f"redis://127.0.0.1:{proxy.port}", timeout_seconds=0.3) as watch:
        proxy.garble()
        outcomes = {(await watch.collect()).batch.outcome for _ in range(20)}

    assert outcomes <= {Outcome.BAD_DATA, Outcome.REFUSED, Outcome.TIMEOUT}


async def test_a_cancelled_turn_leaves_no_answer_to_the_next(redis_server: RedisServer) -> None:
    session = RedisSession(RedisSource(url=redis_server.url), "main", 5)

    async def wait_long() -> None:
        async with session.turn() as server:
            await server.ask(("BLPOP", "nothing", 3))

    for _ in range(3):
        task = asyncio.create_task(wait_long())
        await eventually_async(lambda: _is_blocked(redis_server))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with session.turn() as server:
            assert await server.ask(("ECHO", "mine")) == [b"mine"]
    await session.close()


async def _is_blocked(server: RedisServer) -> bool:
    def blocked() -> bool:
        with server.client() as client:
            return bool(client.info("clients")["blocked_clients"] == 1)

    return await asyncio.to_thread(blocked)


async def test_an_error_in_the_body_leaves_no_answer_to_the_next(redis_server: RedisServer) -> None:
    session = RedisSession(RedisSource(url=redis_server.url), "main", 5)

    with pytest.raises(ZeroDivisionError):
        async with session.turn():
            raise ZeroDivisionError
    async with session.turn() as server:
        assert await server.ask(("ECHO", "mine")) == [b"mine"]
    await session.close()


async def test_everyone_gets_his_own_answer(redis_server: RedisServer) -> None:
    session = RedisSession(RedisSource(url=redis_server.url), "main", 5)

    async def echo(word: str) -> object:
        async with session.turn() as server:
            return (await server.ask(("PING",), ("ECHO", word)))[1]

    words = [f"word {number}" for number in range(50)]
    answers = await asyncio.gather(*map(echo, words))
    await session.close()

    assert answers == [word.encode() for word in words]


async def test_waiting_for_a_turn_ends(redis_server: RedisServer) -> None:
    session = RedisSession(RedisSource(url=redis_server.url), "main", 0.3)

    async def block() -> None:
        async with session.turn() as server:
            await server.ask(("BLPOP", "nothing", 5))

    outcomes = await asyncio.gather(block(), block(), return_exceptions=True)
    await session.close()

    assert [type(outcome) for outcome in outcomes] == [SourceTimeoutError, SourceTimeoutError]


async def test_faults_leave_no_descriptor_and_no_task(
    redis_server: RedisServer, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(redis_server.port)
    faults = (proxy.mute, proxy.refuse, proxy.garble, lambda: proxy.cut(500), proxy.pass_through)
    descriptors, tasks = _descriptors(), len(asyncio.all_tasks())

    for _ in range(5):
        for fault in faults:
            async with watching(f"redis://127.0.0.1:{proxy.port}", timeout_seconds=0.1) as watch:
                fault()
                await watch.collect()

    await eventually_async(lambda: _no_connection(proxy))
    assert len(asyncio.all_tasks()) == tasks
    eventually(lambda: _descriptors() <= descriptors)


async def test_one_connection_is_kept_and_has_a_name(redis_server: RedisServer) -> None:
    async with watching(redis_server.url) as watch:
        with redis_server.client() as client:
            await watch.collect()
            before = client.info("stats")["total_connections_received"]
            for _ in range(10):
                await watch.collect()
            assert client.info("stats")["total_connections_received"] == before
            assert [c["name"] for c in client.client_list() if c["name"]] == ["jackpot-exporter/main"]


async def test_the_first_of_several_hosts_that_answers_is_read(redis_server: RedisServer) -> None:
    result = await collected(f"redis://127.0.0.1:1,127.0.0.1:{redis_server.port}")

    info = next(iter(result.families["redis_instance_info"].samples)).labels
    assert info["tcp_port"] == str(redis_server.port)


async def test_several_hosts_that_do_not_answer_are_refused() -> None:
    assert await _outcome("redis://127.0.0.1:1,127.0.0.1:2") == (Outcome.REFUSED, 0)


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
        eventually(lambda: client.sentinel_slaves("cache"), within=20)

    async with watching(f"sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/cache") as watch:
        assert await _port(watch) == private_redis.port
        private_redis.kill()
        await eventually_async(lambda: _is_read(watch, replica.port), within=30)


async def test_a_sentinel_itself_tells_of_the_masters_it_watches(
    private_redis: RedisServer, closing: ExitStack
) -> None:
    replica = closing.enter_context(RedisServer("--replicaof", f"127.0.0.1 {private_redis.port}"))
    sentinel = closing.enter_context(Sentinel(private_redis))
    with sentinel.client() as client:
        eventually(lambda: client.sentinel_slaves("cache"), within=20)

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

    return (await eventually_async(look, within=20))[0]


async def test_a_node_of_a_cluster_tells_of_the_cluster(closing: ExitStack) -> None:
    node = closing.enter_context(RedisServer("--cluster-enabled", "yes"))
    with node.client() as client:
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16_000)
        partly = await collected(f"redis://127.0.0.1:1,127.0.0.1:{node.port}")
        client.execute_command("CLUSTER ADDSLOTSRANGE", 16_001, 16_383)
        eventually(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok", within=20)
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
            pass  # pragma: no cover - there is no server
