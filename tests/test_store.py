"""What a scrape sees: fresh values, kept ones, withdrawn ones; with a clock that the test turns."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from harness.waiting import eventually_async
from jackpot_exporter import compression
from jackpot_exporter.exposition import Format, render_now
from jackpot_exporter.model import Note, Outcome, Sample, gauge
from jackpot_exporter.store import Batch, Store
from jackpot_exporter.telemetry import Telemetry

UP = gauge("thing_up", "Whether it is.")
VALUE = gauge("thing_value", "A value.")
SHARED = gauge("dependency_up", "Shared by two collectors.", "dependency", own=True)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Store:
    return Store("jackpot", {"thing": 45.0, "other": 45.0}, Telemetry(), clock)


def batch(
    *samples: Sample, outcome: Outcome = Outcome.OK, collector: str = "thing", notes: tuple[Note, ...] = ()
) -> Batch:
    return Batch(collector, render_now(samples, "jackpot"), notes, outcome, 1_700_000_000.0, 0.01)


def page(store: Store, fmt: Format = Format.TEXT, *only: str) -> list[str]:
    return store.page(fmt, gzipped=False, only=only).decode().splitlines()


async def test_a_scrape_shows_the_last_batch(store: Store) -> None:
    await store.put(batch(VALUE.sample(1)))
    await store.put(batch(VALUE.sample(2)))

    assert "thing_value 2" in page(store)
    assert "thing_value 1" not in page(store)


async def test_failed_collector_keeps_last_samples_until_they_are_stale(store: Store, clock: Clock) -> None:
    await store.put(batch(UP.sample(1), VALUE.sample(7)))
    for _ in range(2):
        clock.now += 15
        await store.put(batch(UP.sample(0), outcome=Outcome.REFUSED))

    clock.now += 14.9
    assert {"thing_value 7", "thing_up 0"} <= set(page(store))

    clock.now += 0.2
    assert "thing_value 7" not in page(store)
    assert "thing_up 0" in page(store)


async def test_an_age_is_the_time_since_the_success_whatever_the_wall_clock_says(store: Store, clock: Clock) -> None:
    await store.put(batch(VALUE.sample(1)))  # at some Unix time long ago
    clock.now += 15

    assert 'jackpot_exporter_collector_age_seconds{collector="thing"} 15.0' in page(store)


async def test_values_leave_when_nothing_arrives_at_all(store: Store, clock: Clock) -> None:
    await store.put(batch(VALUE.sample(7)))

    clock.now += 45.1

    assert not any(line.startswith("thing_") for line in page(store))
    assert 'jackpot_exporter_collector_up{collector="thing"} 1' in page(store)


async def test_what_one_failure_overrode_does_not_come_back_in_the_next(store: Store, clock: Clock) -> None:
    await store.put(batch(UP.sample(1), VALUE.sample(7)))
    await store.put(batch(UP.sample(0), outcome=Outcome.REFUSED))
    await store.put(batch(outcome=Outcome.TIMEOUT))

    assert "thing_up 1" not in page(store)
    assert "thing_value 7" in page(store)


async def test_a_success_brings_everything_back(store: Store, clock: Clock) -> None:
    await store.put(batch(UP.sample(0), outcome=Outcome.REFUSED))
    clock.now += 100
    await store.put(batch(UP.sample(1), VALUE.sample(8)))

    assert {"thing_value 8", "thing_up 1"} <= set(page(store))


async def test_a_family_of_two_collectors_has_one_head_and_no_double(store: Store) -> None:
    await store.put(batch(SHARED.sample(0, "database"), collector="other"))
    await store.put(batch(SHARED.sample(1, "cache"), SHARED.sample(1, "database")))

    lines = page(store)

    assert lines.count("# TYPE jackpot_dependency_up gauge") == 1
    assert sorted(line for line in lines if line.startswith("jackpot_dependency_up")) == [
        'jackpot_dependency_up{dependency="cache"} 1',
        'jackpot_dependency_up{dependency="database"} 1',
    ]


async def test_a_collector_that_works_is_believed_before_one_that_failed(store: Store) -> None:
    await store.put(batch(SHARED.sample(1, "database")))
    await store.put(batch(SHARED.sample(0, "database"), collector="other"))
    assert 'jackpot_dependency_up{dependency="database"} 1' in page(store)

    await store.put(batch(outcome=Outcome.REFUSED))

    assert 'jackpot_dependency_up{dependency="database"} 0' in page(store)


@pytest.mark.parametrize("fmt", list(Format), ids=lambda f: f.name)
async def test_gzip_and_plain_hold_the_same(store: Store, fmt: Format) -> None:
    await store.put(batch(VALUE.sample(1), SHARED.sample(1, "a")))
    await store.put(batch(SHARED.sample(1, "b"), collector="other"))
    tail = render_now([gauge("tail", "").sample(3)], "").values()

    plain = store.page(fmt, gzipped=False, tail=tail)
    zipped = store.page(fmt, gzipped=True, tail=tail)

    assert gzip.decompress(zipped) == plain
    assert plain.endswith(b"# EOF\n") is (fmt is Format.OPENMETRICS)


async def test_only_the_chosen_collectors_are_shown(store: Store) -> None:
    await store.put(batch(VALUE.sample(1)))
    await store.put(batch(UP.sample(1), collector="other"))

    lines = page(store, Format.TEXT, "other")

    assert "thing_up 1" in lines
    assert "thing_value 1" not in lines


async def test_failures_are_counted_by_reason_and_exist_at_zero(store: Store) -> None:
    await store.put(batch(outcome=Outcome.REFUSED))
    await store.put(batch(outcome=Outcome.REFUSED))

    lines = page(store)

    assert 'jackpot_exporter_collector_failures_total{collector="thing",reason="refused"} 2' in lines
    assert 'jackpot_exporter_collector_failures_total{collector="other",reason="bug"} 0' in lines
    assert 'jackpot_exporter_collector_up{collector="thing"} 0' in lines
    assert not any(line.startswith('jackpot_exporter_collector_up{collector="other"}') for line in lines)


async def test_a_reload_shows_the_old_values_until_there_are_new_ones(store: Store, clock: Clock) -> None:
    await store.put(batch(VALUE.sample(7)))
    new = Store("jackpot", {"thing": 45.0}, store.telemetry, clock)

    new.inherit(store)

    assert "thing_value 7" in page(new)
    clock.now += 45.1
    assert "thing_value 7" not in page(new)


async def test_readiness_needs_every_collector(store: Store) -> None:
    await store.put(batch(outcome=Outcome.REFUSED))
    assert not store.telemetry.is_complete

    await store.put(batch(collector="other"))
    assert store.telemetry.is_complete


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The texts that were compressed."""
    texts: list[bytes] = []
    compress = compression.compress

    def counting(text: bytes) -> compression.Piece:
        texts.append(text)
        return compress(text)

    monkeypatch.setattr(compression, "compress", counting)
    return texts


async def test_what_was_asked_for_lately_is_ready_before_it_is_asked_again(
    store: Store, compressed: list[bytes]
) -> None:
    store.page(Format.TEXT, gzipped=True)
    compressed.clear()

    await store.put(batch(VALUE.sample(1)))
    await eventually_async(lambda: asyncio.sleep(0, bool(compressed)))
    ready = len(compressed)
    store.page(Format.TEXT, gzipped=True)

    assert len(compressed) == ready


async def test_a_large_batch_is_ready_before_it_is_shown(store: Store, compressed: list[bytes]) -> None:
    store.page(Format.TEXT, gzipped=True)
    compressed.clear()
    wide = gauge("wide", "", "label")

    await store.put(batch(*(wide.sample(1, "x" * 100 + str(n)) for n in range(4000))))

    assert [len(text) > 400_000 for text in compressed] == [True]


async def test_what_nobody_asked_for_is_not_made(store: Store, compressed: list[bytes]) -> None:
    wide = gauge("wide", "", "label")

    await store.put(batch(*(wide.sample(1, "x" * 100 + str(n)) for n in range(4000))))

    assert compressed == []
