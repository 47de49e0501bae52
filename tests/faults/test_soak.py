"""The soak in small: it runs, everything works again after each look, and it would see what grows."""

from __future__ import annotations

from faults.soak import Course, Look, Soak


def test_a_small_soak_ends_well() -> None:
    with Soak(seed=1) as soak:
        course = soak.run(rounds=80, looks=4)

    assert (course.rounds, len(course.looks)) == (80, 4)
    assert course.faults.total() >= 3
    assert course.outcomes["ok"] > course.outcomes.total() / 2
    assert "bug" not in course.outcomes


def test_growth_is_seen() -> None:
    steady = [Look(memory=100_000_000, descriptors=20, threads=5, tasks=1)] * 8
    leaky = [Look(100_000_000 + 5_000_000 * n, 20, 5, 1) for n in range(8)]
    forgetful = [Look(100_000_000, 20 + n, 5, 1) for n in range(8)]

    assert Course(looks=steady).is_flat()
    assert not Course(looks=leaky).is_flat()
    assert not Course(looks=forgetful).is_flat()
