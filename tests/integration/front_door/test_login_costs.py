"""What a login costs: nothing once it is known, nobody else anything while it is tried, and no hint of who is known."""

from __future__ import annotations

import contextlib
import threading
import time

from harness.front_door import RIGHT, FrontDoorProcess, basic


def test_who_was_let_in_is_not_checked_again(locked: FrontDoorProcess) -> None:
    locked.ask(headers=RIGHT)
    started = time.monotonic()
    with contextlib.closing(locked.connection()) as connection:
        for _ in range(200):
            connection.request("GET", "/metrics?collect[]=host", headers=RIGHT)
            assert connection.getresponse().read()
    each = (time.monotonic() - started) / 200
    started = time.monotonic()
    locked.ask(headers=basic("prometheus", "a guess"))

    assert each < (time.monotonic() - started) / 2, "a check by bcrypt takes 70 ms"


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
    assert len(tried) > 200, "one after the other, bcrypt does 40"
    assert set(tried) <= {401, 429}
    assert sorted(seconds)[len(seconds) // 2] < 1
    assert sorted(seconds)[len(seconds) * 9 // 10] < 3


def test_time_does_not_tell_who_is_known(locked: FrontDoorProcess) -> None:
    def quickest(user: str) -> float:
        times = []
        for number in range(9):
            started = time.perf_counter()
            locked.ask("/-/nothing", basic(user, f"guess {number}"))
            times.append(time.perf_counter() - started)
        return min(times)

    known, unknown = quickest("prometheus"), quickest("nobody")

    assert 0.4 < known / unknown < 2.5, "a check by bcrypt takes a hundred times as long as none"
