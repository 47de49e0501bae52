"""Who is refused stands in the log, and cannot fill it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from harness.front_door import FrontDoorProcess, bearer
from harness.waiting import eventually
from jackpot_exporter.telemetry import Refusal
from jackpot_exporter.web.knocks import Knocks


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "jackpot_exporter")
    return caplog


def test_an_address_is_told_once_a_minute(told: pytest.LogCaptureFixture) -> None:
    moments = iter((0.0, 0.0, 1.0, 59.0, 60.0, 61.0))  # the first is that of its making
    knocks = Knocks(lambda: next(moments))

    for _ in range(5):
        knocks.tell("192.0.2.7", Refusal.CREDENTIALS)

    assert len(told.records) == 2


def test_many_addresses_are_few_lines(told: pytest.LogCaptureFixture) -> None:
    knocks = Knocks(lambda: 0.0)

    for number in range(1000):
        knocks.tell(f"2001:db8::{number:x}", Refusal.NETWORK)

    assert len(told.records) == 20


def test_a_wrong_token_is_told_with_its_address_and_without_itself(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("right\n")
    with FrontDoorProcess(web={"bearer_token_file": str(file)}) as door:
        answers = [door.ask(headers=headers).status for headers in ({}, bearer("wrong-one"), bearer("right"))]
        log = eventually(lambda: door.log_text() if "request refused" in door.log_text() else "")

    assert answers == [401, 401, 200]
    assert log.count("request refused") == 1
    assert "127.0.0.1" in log
    assert "wrong-one" not in log
