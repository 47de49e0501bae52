"""The services collector visits the services of a platform and says how the whole is."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest

from harness.answering import answering, http
from harness.rounds import Round, Target
from jackpot_exporter.collectors import services
from jackpot_exporter.demo.process import free_port
from jackpot_exporter.model import Outcome

WELL = http(b'{"status":"healthy"}')
HALF = http(b'{"status":"degraded"}')
ILL = http(b'{"status":"unhealthy"}', 503)


async def platform(*answers: bytes | None, **of_the_first: Any) -> Round:
    """The state of services s0, s1, ... with these answers; None does not listen at all."""
    async with AsyncExitStack() as stack:
        urls = [
            (await stack.enter_async_context(answering(answer))).url if answer else f"http://127.0.0.1:{free_port()}/"
            for answer in answers
        ]
        blocks = [{"name": f"s{i}", "health_url": url} for i, url in enumerate(urls)]
        blocks[0] |= of_the_first
        async with Target({"namespace": "ticketing", "services": blocks}, services.TYPE) as target:
            return await target.collect("services")


async def test_each_service_of_a_platform_has_its_state() -> None:
    found = await platform(WELL, HALF, ILL, None, http(b"login", 401))

    assert found.outcome is Outcome.OK
    assert found.by("ticketing_service_up", "service_name") == {"s0": 1, "s1": 1, "s2": 0, "s3": 0, "s4": 1}
    assert found.value("ticketing_service_health_status", service_name="s1", status="degraded") == 1
    assert found.by("ticketing_platform_services", "status") == {"healthy": 1, "degraded": 2, "unhealthy": 2}
    # That one is down is a fact; that one wants a login is ours to mend.
    assert found.notes == {"s3": Outcome.OK, "s4": Outcome.AUTH}


@pytest.mark.parametrize(
    ("answers", "critical", "expected"),
    [
        ((WELL, WELL), False, "healthy"),
        ((WELL, HALF), False, "degraded"),
        ((ILL, WELL), False, "degraded"),
        ((ILL, WELL), True, "unhealthy"),
        ((HALF, WELL), True, "degraded"),
        ((ILL, None), False, "unhealthy"),
    ],
)
async def test_the_platform_is_as_well_as_its_services(
    answers: tuple[bytes | None, ...], critical: bool, expected: str
) -> None:
    found = await platform(*answers, critical=critical)

    assert found.by("ticketing_platform_status", "status") == {
        status: float(status == expected) for status in ("healthy", "degraded", "unhealthy")
    }


async def test_many_services_that_say_nothing_are_all_down_in_time() -> None:
    async def mute(reader: Any, _: Any) -> None:
        await reader.read()

    async with answering(mute) as server:
        blocks = [{"name": f"s{i}", "health_url": server.url} for i in range(70)]
        settings = {"interval": 5, "services": blocks}
        async with Target(settings, services.TYPE) as target:
            found = await target.collect("services")

    assert found.outcome is Outcome.OK
    assert set(found.by("jackpot_service_up", "service_name").values()) == {0}
    assert len(found.by("jackpot_service_up", "service_name")) == 70
