"""Certificates, and an exporter that asks for a login: made once for all that is tried on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.front_door import PASSWORD, FrontDoorProcess, hashed


@pytest.fixture(scope="package")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="package")
def chain(authority: Authority) -> Path:
    return authority.issue("server", 60)


@pytest.fixture(scope="package")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontDoorProcess]:
    """With two users and a token."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("t0ken-of-ours\n")
    users = {"prometheus": hashed(PASSWORD), "second": hashed("x" * 80)}
    with FrontDoorProcess({"basic_auth_users": users}, {"bearer_token_file": str(token)}) as process:
        yield process
