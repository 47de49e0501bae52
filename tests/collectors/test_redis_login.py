"""Every way into a Redis and every way to be refused: TLS, unix socket, password, access rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.proxy import FaultProxy
from harness.redis_collection import collected, outcome, watching
from harness.waiting import eventually, eventually_async
from jackpot_exporter.collectors import redis
from jackpot_exporter.config import RedisSource
from jackpot_exporter.demo.servers import RedisServer, free_port
from jackpot_exporter.model import Outcome
from jackpot_exporter.redaction import redact


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost and one for a client, by an authority of our own."""
    folder = tmp_path_factory.mktemp("tls")
    folder.parent.chmod(0o755)
    folder.chmod(0o755)
    authority = Authority(folder)
    for name in ("server", "client"):
        authority.issue(name, days=2)
        (folder / f"{name}.key").chmod(0o644)
    return folder


@pytest.fixture
def tls_redis(certificates: Path, closing: ExitStack) -> tuple[RedisServer, int]:
    """A Redis that also listens for TLS and wants a client's certificate; with that port."""
    port = free_port()
    files = ("--tls-cert-file", "server.crt", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.pem")
    absolute = [str(certificates / word) if "." in word else word for word in files]
    server = closing.enter_context(RedisServer("--tls-port", str(port), *absolute, "--tls-auth-clients", "yes"))
    return server, port


def _tls_source(folder: Path, port: int, host: str = "localhost", ca_file: Path | None = None) -> RedisSource:
    return RedisSource(
        url=f"rediss://{host}:{port}",
        ca_file=ca_file or folder / "ca.pem",
        cert_file=folder / "client.crt",
        key_file=folder / "client.key",
    )


async def test_tls_with_certificates_of_both_sides(tls_redis: tuple[RedisServer, int], certificates: Path) -> None:
    assert await outcome(_tls_source(certificates, tls_redis[1])) == (Outcome.OK, 1)


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
    result = await collected(_tls_source(certificates, 1, ca_file=Path("/nowhere/ca.pem")))

    assert result.batch.outcome is Outcome.AUTH
    assert result.batch.message == "cannot read /nowhere/ca.pem: No such file or directory"


async def test_a_mute_tls_server_costs_a_deadline_and_no_more(
    tls_redis: tuple[RedisServer, int], certificates: Path, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(tls_redis[1])
    async with watching(_tls_source(certificates, proxy.port), timeout_seconds=0.5) as watch:
        assert (await watch.collect()).batch.outcome is Outcome.OK
        proxy.mute()
        assert (await watch.collect()).batch.outcome is Outcome.TIMEOUT
        await eventually_async(lambda: _no_connection(proxy), within=20)


async def _no_connection(proxy: FaultProxy) -> bool:
    return proxy.open_connections == 0


async def test_unix_socket(redis_server: RedisServer) -> None:
    assert await outcome(f"unix://{redis_server.socket_path}") == (Outcome.OK, 1)


async def test_a_wrong_password_is_a_wrong_password_on_a_unix_socket_too(closing: ExitStack) -> None:
    server = closing.enter_context(RedisServer(password="right"))

    assert await outcome(f"unix://:wrong@{server.socket_path}") == (Outcome.AUTH, 0)
    assert await outcome(f"unix://:right@{server.socket_path}") == (Outcome.OK, 1)


@pytest.mark.parametrize("login", ["", ":wrong@", "nobody:right@"], ids=["none", "wrong", "unknown user"])
async def test_a_refused_login_is_told_from_a_lost_server(closing: ExitStack, login: str) -> None:
    server = closing.enter_context(RedisServer(password="right"))

    assert await outcome(f"redis://{login}127.0.0.1:{server.port}") == (Outcome.AUTH, 0)


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
