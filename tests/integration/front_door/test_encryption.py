"""TLS: what is spoken, what is refused, who has to show a certificate."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.front_door import FrontDoorProcess, tls_config, trusting


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
