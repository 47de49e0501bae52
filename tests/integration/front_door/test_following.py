"""What guards the door follows its files while running: certificates, users, the token, networks."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import ssl
import time
from pathlib import Path

import pytest
import yaml

from harness.certificates import Authority
from harness.front_door import PASSWORD, RIGHT, FrontDoorProcess, basic, bearer, hashed, replace, tls_config, trusting
from harness.waiting import eventually


def shown_certificate(process: FrontDoorProcess, authority: Authority) -> bytes | None:
    with process.socket(trusting(authority.file)) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        return connection.getpeercert(binary_form=True)


def test_a_new_certificate_is_served_without_restart(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "chain.pem"
    shutil.copy(authority.issue("first", 30), path)
    tls = trusting(authority.file)
    with FrontDoorProcess(tls_config(path)) as process, contextlib.closing(process.connection(tls)) as kept:
        kept.request("GET", "/-/healthy")
        kept.getresponse().read()
        before = shown_certificate(process, authority)

        replace(path, authority.issue("second", 90).read_text())

        eventually(lambda: shown_certificate(process, authority) != before)
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
        eventually(lambda: "web configuration not taken" in process.log_text())
        deadline = time.monotonic() + 0.8
        while time.monotonic() < deadline:  # it is tried again meanwhile
            assert process.ask(tls=tls).status == 200

        replace(path, good)
        eventually(lambda: "web configuration read" in process.log_text())
        assert process.ask(tls=tls).status == 200
        assert process.log_text().count("web configuration not taken") == 1


@pytest.mark.parametrize("text", ["", "basic_auth_users: [", "nonsense: 1\n"], ids=["empty", "cut off", "unknown"])
def test_no_broken_file_opens_the_door(text: str) -> None:
    with FrontDoorProcess({"basic_auth_users": {"prometheus": hashed(PASSWORD)}}) as process:
        process.configure(text)
        eventually(lambda: "web configuration not taken" in process.log_text())

        assert process.ask().status == 401
        assert process.ask(headers=RIGHT).status == 200


def test_tls_is_not_switched_off_while_running(authority: Authority, chain: Path) -> None:
    with FrontDoorProcess(tls_config(chain)) as process:
        process.configure("{}\n")
        eventually(lambda: "switched on and off only by a restart" in process.log_text())

        assert process.ask(tls=trusting(authority.file)).status == 200


def test_a_user_who_is_gone_is_out_at_once(tmp_path: Path) -> None:
    with FrontDoorProcess({"basic_auth_users": {"prometheus": hashed(PASSWORD), "other": hashed("x")}}) as process:
        assert process.ask(headers=RIGHT).status == 200

        process.configure({"basic_auth_users": {"other": hashed("x")}})

        eventually(lambda: process.ask(headers=RIGHT).status == 401)
        assert process.ask(headers=basic("other", "x")).status == 200


def test_a_wrong_file_at_the_start_is_told_without_a_traceback(tmp_path: Path) -> None:
    process = FrontDoorProcess({"tls_server_config": {"cert_file": "none.pem"}})
    with contextlib.closing(process), pytest.raises(Exception, match="ended with 2") as caught:
        process.start()

    assert "tls_server_config.key_file: is missing" in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_new_token_is_taken_without_restart(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first-token")
    with FrontDoorProcess(web={"bearer_token_file": str(token)}) as process:
        assert process.ask(headers=bearer("first-token")).status == 200
        assert process.ask().headers["WWW-Authenticate"] == "Bearer"

        replace(token, "")
        eventually(lambda: "web configuration not taken" in process.log_text())
        assert process.ask(headers=bearer("first-token")).status == 200
        assert process.ask(headers=bearer("")).status == 401

        replace(token, "second-token\n")
        eventually(lambda: process.ask(headers=bearer("second-token")).status == 200)
        assert process.ask(headers=bearer("first-token")).status == 401


def test_networks_follow_a_reload(tmp_path: Path) -> None:
    with FrontDoorProcess() as process:
        assert process.ask().status == 200
        process.settings_path.write_text(yaml.safe_dump({"host": {}, "web": {"allowed_networks": ["192.0.2.0/24"]}}))

        os.kill(process.pid, signal.SIGHUP)

        eventually(lambda: process.ask().status == 403)
