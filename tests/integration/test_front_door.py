"""Who gets in: TLS, client certificates, logins, networks; and that all of it follows its files while running."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml

from harness.certificates import Authority
from harness.front_door import FrontDoorProcess, basic, trusting
from harness.waiting import eventually

OPEN_PATHS = ("/-/healthy", "/-/ready")
PASSWORD = "s3cret:with colon é"
RIGHT = basic("prometheus", PASSWORD)


def hashed(password: str, cost: int = 10) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost)).decode()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def chain(authority: Authority) -> Path:
    return authority.issue("server", 60)


def tls_config(chain: Path, **more: Any) -> dict[str, Any]:
    return {"tls_server_config": {"cert_file": str(chain), "key_file": str(chain), **more}}


# TLS


@pytest.fixture(scope="module")
def secure(authority: Authority, chain: Path) -> Iterator[FrontDoorProcess]:
    with FrontDoorProcess(tls_config(chain)) as process:
        yield process


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_current_tls_is_spoken(secure: FrontDoorProcess, authority: Authority, version: ssl.TLSVersion) -> None:
    tls = trusting(authority.file, minimum_version=version, maximum_version=version)

    assert secure.ask(tls=tls).status == 200


def test_old_tls_is_refused(secure: FrontDoorProcess, authority: Authority) -> None:
    tls = trusting(authority.file)
    tls.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSVersion"):
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises(ssl.SSLError):
        secure.ask(tls=tls)


def test_the_lowest_version_can_be_raised(authority: Authority, chain: Path) -> None:
    tls = trusting(authority.file, maximum_version=ssl.TLSVersion.TLSv1_2)

    with FrontDoorProcess(tls_config(chain, min_version="TLS13")) as process:
        with pytest.raises(ssl.SSLError):
            process.ask(tls=tls)
        assert process.ask(tls=trusting(authority.file)).status == 200


def test_no_answer_in_the_clear_where_tls_is_on(secure: FrontDoorProcess) -> None:
    assert b"HTTP/" not in secure.say(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")


def test_a_request_in_the_same_packet_as_the_handshake_is_answered(
    secure: FrontDoorProcess, authority: Authority
) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting(authority.file).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with secure.socket() as connection:
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        connection.sendall(outgoing.read())
        while not client.version() or outgoing.pending == 0:
            incoming.write(connection.recv(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
        client.write(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        connection.sendall(outgoing.read())
        answer = b""
        while not answer:
            received = connection.recv(65536)
            assert received
            incoming.write(received)
            with contextlib.suppress(ssl.SSLWantReadError):
                answer = client.read(65536)

    assert answer.startswith(b"HTTP/1.1 200")


def test_the_end_of_our_certificate_is_shown(secure: FrontDoorProcess, authority: Authority) -> None:
    text = secure.ask(tls=trusting(authority.file)).body.decode()

    line = next(line for line in text.splitlines() if line.startswith("jackpot_exporter_web_certificate_expiry"))
    assert float(line.split()[1]) == authority.expiry("server")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Authority(tmp_path_factory.mktemp("foreign")).issue("client", 60, "client")


@pytest.fixture(scope="module", params=["RequireAndVerifyClientCert", "VerifyClientCertIfGiven"])
def asking(authority: Authority, chain: Path, request: pytest.FixtureRequest) -> Iterator[tuple[FrontDoorProcess, str]]:
    config = tls_config(chain, client_ca_file=str(authority.file), client_auth_type=request.param)
    with FrontDoorProcess(config) as process:
        yield process, request.param


def test_a_certificate_of_ours_lets_a_client_in(asking: tuple[FrontDoorProcess, str], authority: Authority) -> None:
    tls = trusting(authority.file)
    tls.load_cert_chain(authority.issue("client", 60, "client"))

    assert asking[0].ask(tls=tls).status == 200


def test_a_foreign_certificate_lets_nobody_in(
    asking: tuple[FrontDoorProcess, str], authority: Authority, foreign: Path
) -> None:
    tls = trusting(authority.file)
    tls.load_cert_chain(foreign)

    with pytest.raises((ssl.SSLError, ConnectionError)):
        asking[0].ask(tls=tls)


def test_a_client_without_certificate_comes_in_only_where_none_is_required(
    asking: tuple[FrontDoorProcess, str], authority: Authority
) -> None:
    process, policy = asking
    if policy == "VerifyClientCertIfGiven":
        assert process.ask(tls=trusting(authority.file)).status == 200
    else:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            process.ask(tls=trusting(authority.file))


# Following the files


def shown_certificate(process: FrontDoorProcess, authority: Authority) -> bytes | None:
    with process.socket(trusting(authority.file)) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        return connection.getpeercert(binary_form=True)


def replace(path: Path, text: str) -> None:
    """At once, as a secret store does."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def test_a_new_certificate_is_served_without_restart(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "chain.pem"
    shutil.copy(authority.issue("first", 30), path)
    tls = trusting(authority.file)
    with FrontDoorProcess(tls_config(path)) as process, contextlib.closing(process.connection(tls)) as kept:
        kept.request("GET", "/-/healthy")
        kept.getresponse().read()
        before = shown_certificate(process, authority)

        replace(path, authority.issue("second", 90).read_text())

        eventually(lambda: shown_certificate(process, authority) != before, within=15)
        text = process.ask(tls=tls).body.decode()
        assert f"certificate_expiry_timestamp_seconds {authority.expiry('second'):.0f}" in text
        kept.request("GET", "/-/healthy")
        assert kept.getresponse().read() == b"alive\n"


def test_a_bad_change_leaves_the_old_in_force_and_is_logged_once(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "chain.pem"
    good = authority.issue("good", 30).read_text()
    path.write_text(good)
    tls = trusting(authority.file)
    with FrontDoorProcess(tls_config(path)) as process:
        replace(path, "nonsense")
        eventually(lambda: "web configuration not taken" in process.log_text(), within=15)
        deadline = time.monotonic() + 0.8
        while time.monotonic() < deadline:  # it is tried again meanwhile
            assert process.ask(tls=tls).status == 200

        replace(path, good)
        eventually(lambda: "web configuration read" in process.log_text(), within=15)
        assert process.ask(tls=tls).status == 200
        assert process.log_text().count("web configuration not taken") == 1


@pytest.mark.parametrize("text", ["", "basic_auth_users: [", "nonsense: 1\n"], ids=["empty", "cut off", "unknown"])
def test_no_broken_file_opens_the_door(text: str) -> None:
    with FrontDoorProcess({"basic_auth_users": {"prometheus": hashed(PASSWORD)}}) as process:
        process.configure(text)
        eventually(lambda: "web configuration not taken" in process.log_text(), within=15)

        assert process.ask().status == 401
        assert process.ask(headers=RIGHT).status == 200


def test_tls_is_not_switched_off_while_running(authority: Authority, chain: Path) -> None:
    with FrontDoorProcess(tls_config(chain)) as process:
        process.configure("{}\n")
        eventually(lambda: "switched on and off only by a restart" in process.log_text(), within=15)

        assert process.ask(tls=trusting(authority.file)).status == 200


def test_a_user_who_is_gone_is_out_at_once(tmp_path: Path) -> None:
    with FrontDoorProcess({"basic_auth_users": {"prometheus": hashed(PASSWORD), "other": hashed("x")}}) as process:
        assert process.ask(headers=RIGHT).status == 200

        process.configure({"basic_auth_users": {"other": hashed("x")}})

        eventually(lambda: process.ask(headers=RIGHT).status == 401, within=15)
        assert process.ask(headers=basic("other", "x")).status == 200


def test_a_wrong_file_at_the_start_is_told_without_a_traceback(tmp_path: Path) -> None:
    process = FrontDoorProcess({"tls_server_config": {"cert_file": "none.pem"}})
    with contextlib.closing(process), pytest.raises(Exception, match="ended with 2") as caught:
        process.start()

    assert "tls_server_config.key_file: is missing" in str(caught.value)
    assert "Traceback" not in str(caught.value)


# Logins


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontDoorProcess]:
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("t0ken-of-ours\n")
    users = {"prometheus": hashed(PASSWORD), "second": hashed("x" * 80)}
    with FrontDoorProcess({"basic_auth_users": users}, {"bearer_token_file": str(token)}) as process:
        yield process


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="nothing"),
        pytest.param(RIGHT, 200, id="right"),
        pytest.param({"authorization": RIGHT["Authorization"].replace("Basic", "bAsIc")}, 200, id="any case"),
        pytest.param(basic("prometheus", "wrong"), 401, id="wrong password"),
        pytest.param(basic("nobody", PASSWORD), 401, id="unknown user"),
        pytest.param(basic("", ""), 401, id="empty"),
        pytest.param(basic("Prometheus", PASSWORD), 401, id="case of the user"),
        pytest.param(basic("second", "x" * 80), 200, id="more than bcrypt reads"),
        pytest.param(basic("prometheus", "\0"), 401, id="NUL"),
        pytest.param({"Authorization": "Basic !!!"}, 401, id="no base64"),
        pytest.param({"Authorization": "Basic cHJvbQ=="}, 401, id="no colon"),
        pytest.param({"Authorization": "Basic"}, 401, id="no credentials"),
        pytest.param({"Authorization": RIGHT["Authorization"].removeprefix("Basic ")}, 401, id="no scheme"),
        pytest.param({"Authorization": "Digest x"}, 401, id="other scheme"),
        pytest.param({"Authorization": RIGHT["Authorization"], "authorization": "Bearer x"}, 401, id="two"),
        pytest.param(bearer("t0ken-of-ours"), 200, id="token"),
        pytest.param(bearer("t0ken-of-ourz"), 401, id="other token"),
        pytest.param(bearer(""), 401, id="empty token"),
        pytest.param(bearer("t0ken-of-ours\xff"), 401, id="token with more"),
    ],
)
def test_credentials(locked: FrontDoorProcess, headers: Mapping[str, str], status: int) -> None:
    assert locked.ask(headers=headers).status == status


def test_a_challenge_says_what_is_wanted(locked: FrontDoorProcess) -> None:
    assert locked.ask().headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize("path", OPEN_PATHS)
def test_liveness_needs_no_credentials(locked: FrontDoorProcess, path: str) -> None:
    assert locked.ask(path).status in (200, 503)
    assert locked.ask(path, basic("prometheus", "wrong")).status in (200, 503)


@pytest.mark.parametrize("path", ["/", "/metrics", "/probe", "/health", "/status", "/nonsense", "/-/reload"])
def test_everything_else_does(locked: FrontDoorProcess, path: str) -> None:
    assert locked.ask(path).status == 401
    assert locked.ask(path, method="POST").status == 401


def test_no_secret_is_logged(locked: FrontDoorProcess) -> None:
    locked.ask(headers=RIGHT)
    locked.ask(headers=bearer("t0ken-of-ours"))

    log = locked.log_text()
    assert not any(word in log for word in ("s3cret", "t0ken", "$2b$", RIGHT["Authorization"][6:]))


def test_who_was_let_in_is_not_checked_again(locked: FrontDoorProcess) -> None:
    locked.ask(headers=RIGHT)
    started = time.monotonic()
    with contextlib.closing(locked.connection()) as connection:
        for _ in range(200):
            connection.request("GET", "/metrics?collect[]=host", headers=RIGHT)
            assert connection.getresponse().read()

    assert time.monotonic() - started < 5, "200 checks by bcrypt take 14 s"


def test_thousands_of_wrong_passwords_do_not_stall_scrapes(locked: FrontDoorProcess) -> None:
    locked.ask(headers=RIGHT)
    deadline = time.monotonic() + 3
    tried: list[int] = []

    def attack(number: int) -> None:
        with contextlib.closing(locked.connection()) as connection:
            for attempt in range(10_000):
                if time.monotonic() > deadline:
                    return
                connection.request("GET", "/metrics", headers=basic("prometheus", f"{number} {attempt}"))
                answer = connection.getresponse()
                answer.read()
                tried.append(answer.status)

    attackers = [threading.Thread(target=attack, args=(number,)) for number in range(20)]
    for attacker in attackers:
        attacker.start()
    seconds: list[float] = []
    while time.monotonic() < deadline:
        started = time.monotonic()
        assert locked.ask(headers=RIGHT).status == 200
        seconds.append(time.monotonic() - started)
    for attacker in attackers:
        attacker.join()

    said = f"{len(tried)} wrong passwords, {len(seconds)} scrapes beside them, the slowest took {max(seconds):.3f} s"
    print(said)  # noqa: T201 - a figure of the run
    assert len(tried) > 1000
    assert set(tried) <= {401, 429}
    assert sorted(seconds)[len(seconds) // 2] < 0.3
    assert sorted(seconds)[len(seconds) * 9 // 10] < 1


def test_time_does_not_tell_who_is_known(locked: FrontDoorProcess) -> None:
    def median(user: str) -> float:
        times = []
        for number in range(9):
            started = time.perf_counter()
            locked.ask("/-/nothing", basic(user, f"guess {number}"))
            times.append(time.perf_counter() - started)
        return sorted(times)[4]

    known, unknown = median("prometheus"), median("nobody")

    assert 0.4 < known / unknown < 2.5, "a check by bcrypt takes a hundred times as long as none"


def test_a_new_token_is_taken_without_restart(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first-token")
    with FrontDoorProcess(web={"bearer_token_file": str(token)}) as process:
        assert process.ask(headers=bearer("first-token")).status == 200
        assert process.ask().headers["WWW-Authenticate"] == "Bearer"

        replace(token, "")
        eventually(lambda: "web configuration not taken" in process.log_text(), within=15)
        assert process.ask(headers=bearer("first-token")).status == 200
        assert process.ask(headers=bearer("")).status == 401

        replace(token, "second-token\n")
        eventually(lambda: process.ask(headers=bearer("second-token")).status == 200, within=15)
        assert process.ask(headers=bearer("first-token")).status == 401


# Networks


@pytest.fixture(scope="module")
def fenced() -> Iterator[FrontDoorProcess]:
    networks = {"allowed_networks": ["10.0.0.0/8", "127.0.0.3/32"], "trusted_proxies": ["127.0.0.2/32"]}
    with FrontDoorProcess(web=networks) as process:
        yield process


@pytest.mark.parametrize(
    ("source", "forwarded", "status"),
    [
        pytest.param("127.0.0.1", None, 403, id="not allowed"),
        pytest.param("127.0.0.3", None, 200, id="allowed"),
        pytest.param("127.0.0.1", "10.1.2.3", 403, id="header from anybody"),
        pytest.param("127.0.0.2", "10.1.2.3", 200, id="header from the proxy"),
        pytest.param("127.0.0.2", "192.0.2.1", 403, id="proxy for somebody else"),
        pytest.param("127.0.0.2", "10.1.2.3, 192.0.2.1", 403, id="made up before the proxy"),
        pytest.param("127.0.0.2", "192.0.2.1, 10.1.2.3", 200, id="the last counts"),
        pytest.param("127.0.0.2", None, 403, id="the proxy itself"),
        pytest.param("127.0.0.2", "unknown", 403, id="no address"),
        pytest.param("127.0.0.3", "192.0.2.1", 200, id="allowed, whatever it says"),
    ],
)
def test_networks(fenced: FrontDoorProcess, source: str, forwarded: str | None, status: int) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}

    assert fenced.ask(headers=headers, source=source).status == status


@pytest.mark.parametrize("path", OPEN_PATHS)
def test_liveness_is_open_to_all_networks(fenced: FrontDoorProcess, path: str) -> None:
    assert fenced.ask(path).status in (200, 503)


def test_networks_follow_a_reload(tmp_path: Path) -> None:
    with FrontDoorProcess() as process:
        assert process.ask().status == 200
        process.settings_path.write_text(yaml.safe_dump({"host": {}, "web": {"allowed_networks": ["192.0.2.0/24"]}}))

        os.kill(process.pid, signal.SIGHUP)

        eventually(lambda: process.ask().status == 403, within=15)


# What every answer says


@pytest.fixture(scope="module")
def adorned() -> Iterator[FrontDoorProcess]:
    headers = {"Strict-Transport-Security": "max-age=60", "X-Frame-Options": "SAMEORIGIN"}
    with FrontDoorProcess({"http_server_config": {"headers": headers}}) as process:
        yield process


@pytest.mark.parametrize("path", ["/", "/metrics", "/nonsense", "/-/healthy", "/probe", "/-/reload", "/status"])
def test_security_headers(adorned: FrontDoorProcess, path: str) -> None:
    headers = adorned.ask(path).headers

    assert "Server" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Strict-Transport-Security"] == "max-age=60"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
