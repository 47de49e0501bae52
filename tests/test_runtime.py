"""The runner: deadlines, isolation, outcomes; with collectors made to fail in each way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from jackpot_exporter import errors
from jackpot_exporter.model import Item, Note, Outcome, gauge
from jackpot_exporter.runtime import Job, Runner, collect
from jackpot_exporter.store import Store
from jackpot_exporter.telemetry import Telemetry

UP = gauge("thing_up", "Whether it is.")
VALUE = gauge("thing_value", "A value.")


class Scripted:
    """A collector that does what each of its scripts says, the last one for ever."""

    def __init__(self, *scripts: Callable[[], AsyncGenerator[Item, None]]) -> None:
        self.scripts = list(scripts)
        self.runs = 0
        self.closed = 0

    async def collect(self) -> AsyncGenerator[Item, None]:
        script = self.scripts[min(self.runs, len(self.scripts) - 1)]
        self.runs += 1
        try:
            async for item in script():
                yield item
        finally:
            self.closed += 1


async def good() -> AsyncGenerator[Item, None]:
    yield UP.sample(1)
    yield VALUE.sample(7)


def failing(error: BaseException) -> Callable[[], AsyncGenerator[Item, None]]:
    async def script() -> AsyncGenerator[Item, None]:
        yield UP.sample(0)
        raise error

    return script


async def hanging() -> AsyncGenerator[Item, None]:
    yield UP.sample(0)
    await asyncio.Event().wait()


async def doubled() -> AsyncGenerator[Item, None]:
    yield UP.sample(0)
    yield UP.sample(1)


async def silent() -> AsyncGenerator[Item, None]:
    return
    yield


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        pytest.param(good, Outcome.OK, id="ok"),
        pytest.param(silent, Outcome.EMPTY, id="empty"),
        pytest.param(hanging, Outcome.TIMEOUT, id="timeout"),
        pytest.param(failing(errors.AuthError("no")), Outcome.AUTH, id="auth"),
        pytest.param(failing(errors.MissingError("no")), Outcome.MISSING, id="missing"),
        pytest.param(failing(errors.PermissionDeniedError("no")), Outcome.PERMISSION, id="permission"),
        pytest.param(failing(errors.BadDataError("no")), Outcome.BAD_DATA, id="bad data"),
        pytest.param(failing(TimeoutError()), Outcome.TIMEOUT, id="a timeout of a library"),
        pytest.param(failing(ConnectionResetError(104, "reset")), Outcome.REFUSED, id="an error of the system"),
        pytest.param(failing(ZeroDivisionError()), Outcome.BUG, id="a bug"),
        pytest.param(doubled, Outcome.BUG, id="a series twice"),
    ],
)
async def test_each_end_of_a_collection_has_its_outcome(
    script: Callable[[], AsyncGenerator[Item, None]], outcome: Outcome
) -> None:
    collector = Scripted(script)

    batch = await collect(Job("thing", collector, interval=1, timeout=0.5), "jackpot")

    assert batch.outcome is outcome
    assert collector.closed == 1


async def test_what_came_before_a_failure_is_kept() -> None:
    batch = await collect(Job("thing", Scripted(hanging), interval=1, timeout=0.5), "jackpot")

    assert batch.families["thing_up"].body == b"thing_up 0\n"


async def test_a_hanging_collector_holds_up_no_other() -> None:
    stuck, well = Scripted(hanging), Scripted(good)
    store = Store("jackpot", {"stuck": 10, "well": 10}, Telemetry())
    runner = Runner([Job("stuck", stuck, 30, 20), Job("well", well, 0.02, 0.01)], store)

    task = asyncio.create_task(runner.run())
    async with asyncio.timeout(30):
        while well.runs < 5 or not stuck.runs:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])

    assert stuck.runs == 1
    assert stuck.closed == 1


async def test_runs_never_overlap_and_skip_missed_turns() -> None:
    running = 0
    most = 0

    async def slow() -> AsyncGenerator[Item, None]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.03)
        running -= 1
        yield UP.sample(1)

    collector = Scripted(slow)
    store = Store("jackpot", {"slow": 10}, Telemetry())
    task = asyncio.create_task(Runner([Job("slow", collector, interval=0.01, timeout=1)], store).run())
    async with asyncio.timeout(30):
        while collector.runs < 4:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])

    assert most == 1


async def test_a_failure_is_logged_when_it_begins_changes_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    refused, denied = failing(errors.RefusedError("no")), failing(errors.AuthError("no"))
    job = Job("thing", Scripted(good, refused, refused, denied, denied, good, good), 1, 1)
    runner = Runner([job], Store("jackpot", {"thing": 10}, Telemetry()))

    with caplog.at_level("INFO"):
        for _ in range(7):
            await runner.run_once()

    assert [(entry.message, vars(entry)["fields"].get("reason")) for entry in caplog.records] == [
        ("collection failed", "refused"),
        ("collection failed", "auth"),
        ("collection works again", None),
    ]


async def test_a_note_is_logged_once_and_counted_every_time(caplog: pytest.LogCaptureFixture) -> None:
    async def noted() -> AsyncGenerator[Item, None]:
        yield UP.sample(1)
        yield Note("statements", "pg_stat_statements is not installed", Outcome.MISSING, dropped=2)

    telemetry = Telemetry()
    runner = Runner([Job("thing", Scripted(noted, noted, good), 1, 1)], Store("jackpot", {"thing": 9}, telemetry))

    with caplog.at_level("INFO"):
        for _ in range(3):
            await runner.run_once()

    assert caplog.messages == ["part of a collection is missing", "part of a collection is back"]
    assert telemetry.of("thing").failures[Outcome.MISSING] == 2
    assert telemetry.of("thing").dropped == 4
    assert telemetry.of("thing").outcome is Outcome.OK


async def test_a_bug_of_the_runner_is_not_hidden() -> None:
    class Broken(Store):
        async def put(self, _batch: object) -> None:
            raise RuntimeError("store is broken")

    runner = Runner([Job("thing", Scripted(good), 1, 0.5)], Broken("jackpot", {"thing": 9}, Telemetry()))

    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(runner.run(), 5)

    assert caught.group_contains(RuntimeError, match="store is broken")
