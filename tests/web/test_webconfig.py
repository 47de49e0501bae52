"""The web configuration: what it takes, and every problem with its place."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.certificates import Authority
from jackpot_exporter.cli import main
from jackpot_exporter.errors import InvalidInputError
from jackpot_exporter.web.webconfig import load_web_config

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority(folder)
    authority.issue("good", 30)
    authority.issue("other", 30)
    return folder


@pytest.fixture
def folder(certificates: Path, tmp_path: Path) -> Path:
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True)
    return tmp_path


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "web.yml"
    path.write_text(text)
    with pytest.raises(InvalidInputError) as caught:
        load_web_config(path)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_the_format_of_the_field_is_taken_whole(folder: Path) -> None:
    (folder / "web.yml").write_text(
        f"""
tls_server_config:
  cert_file: good.pem
  key_file: good.key
  client_ca_file: ca.pem
  client_auth_type: RequireAndVerifyClientCert
  min_version: TLS13
  max_version: TLS13
  prefer_server_cipher_suites: true
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  prometheus: {HASH}
"""
    )

    loaded = load_web_config(folder / "web.yml")

    assert loaded.tls is not None
    assert loaded.certificate_expiry is not None
    assert loaded.config.basic_auth_users == {"prometheus": HASH}
    assert {path.name for path in loaded.files} == {"web.yml", "good.pem", "good.key", "ca.pem"}


TLS = "tls_server_config:\n  cert_file: good.pem\n  key_file: good.key\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "web.yml: is empty", id="empty"),
        pytest.param("tls: {}\n", 'web.yml:1:1: tls: not a known setting', id="unknown key"),
        pytest.param("tls_server_config: {cert_file: good.pem}\n", "key_file: is missing", id="no key"),
        pytest.param(TLS + "  min_version: TLS11\n", "web.yml:4:16: tls_server_config.min_version", id="TLS 1.1"),
        pytest.param(TLS + "  cipher_suites: [X]\n", "web.yml:4:3: tls_server_config.cipher_suites: not", id="ciphers"),
        pytest.param(TLS + "  client_auth_type: RequestClientCert\n", "web.yml:4:21:", id="unverified clients"),
        pytest.param(TLS + "  client_ca_file: ca.pem\n", "verifies need each other", id="no type"),
        pytest.param(TLS + "  min_version: TLS13\n  max_version: TLS12\n", "must not be above", id="versions"),
        pytest.param(TLS.replace("good.pem", "no.pem"), "web.yml:2:14: tls_server_config.cert_file: no.pem", id="gone"),
        pytest.param(TLS.replace("good.pem", "good.key"), "good.key: no certificate in it", id="key as certificate"),
        pytest.param(TLS.replace("good.key", "other.key"), "web.yml:3:13: tls_server_config.key_file: the key belongs"
                     " to another certificate", id="other key"),
        pytest.param("basic_auth_users: {a: secret-word}\n", "web.yml:1:23: basic_auth_users.a: not a bcrypt hash",
                     id="password in the clear"),
        pytest.param(f"basic_auth_users: {{a: {HASH.replace('10', '20', 1)}}}\n", "cost outside 4 to 14", id="cost"),
        pytest.param(f"basic_auth_users: {{'a:b': {HASH}}}\n", "has no colon", id="colon"),
        pytest.param("http_server_config: {headers: {X-Other: a}}\n", "can be set: X-Other", id="other header"),
        pytest.param('http_server_config: {headers: {X-Frame-Options: "a\\r\\nb"}}\n', "no header may", id="break"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(folder: Path, text: str, said: str) -> None:
    found = problems(folder, text)

    assert len(found) == 1
    assert said in found[0]
    assert "secret-word" not in found[0]


def test_a_key_with_a_passphrase_is_refused_without_asking_for_it(folder: Path) -> None:
    subprocess.run(
        ["openssl", "pkey", "-in", folder / "good.key", "-aes128", "-passout", "pass:x", "-out", folder / "locked.key"],
        check=True,
    )

    assert "cannot be used" in problems(folder, TLS.replace("good.key", "locked.key"))[0]


def test_check_tells_what_is_wrong_and_ends_with_2(folder: Path) -> None:
    (folder / "web.yml").write_text("tls_server_config: {}\n")

    result = CliRunner().invoke(main, ["check", "--web.config.file", str(folder / "web.yml")])

    assert result.exit_code == 2
    assert "tls_server_config.cert_file: is missing" in result.output
    assert "tls_server_config.key_file: is missing" in result.output
