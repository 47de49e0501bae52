"""Settings: what is accepted, what each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackpot_exporter.collectors import discover
from jackpot_exporter.config import Settings, parse_duration, section, timing
from jackpot_exporter.errors import InvalidInputError
from jackpot_exporter.settings import load_settings, settings_from_environment

SECTIONS = [kind.section for kind in discover()]


def load(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    return load_settings(file, SECTIONS, environ)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        load(tmp_path, text)
    return [str(problem).replace(f"{tmp_path}/", "").splitlines()[0] for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("pols: {}", "settings.yaml:1:1: pols: not a known setting", id="unknown key"),
        pytest.param(
            "pools: {tabel: x}", "settings.yaml:1:9: pools.tabel: not a known setting", id="unknown key inside"
        ),
        pytest.param("interval: soon", "settings.yaml:1:11: interval: not a duration; write 15s", id="no duration"),
        pytest.param("interval: 0", "settings.yaml:1:11: interval: 0: a duration must be above zero", id="zero"),
        pytest.param("interval: true", "settings.yaml:1:11: interval: True: not a duration", id="bool is no duration"),
        pytest.param("namespace: 2x", "settings.yaml:1:12: namespace: a namespace is letters", id="namespace"),
        pytest.param("pools: []", "settings.yaml:1:8: pools: input should be", id="list for a block"),
        pytest.param("pools: {labels: {pool: x}}", "settings.yaml:1:17: pools.labels: the label", id="label in use"),
        pytest.param(
            "pools: {labels: {'a-b': x}}", "settings.yaml:1:17: pools.labels: x: 'a-b' is not", id="label name"
        ),
        pytest.param(
            "redis: {url: http://x}", "settings.yaml:1:8: redis: url must begin with redis://", id="redis url"
        ),
        pytest.param("redis: {}", "settings.yaml:1:1: redis.url: is missing", id="missing"),
        pytest.param("postgres: {dsn: db}", "settings.yaml:1:11: postgres: dsn must begin with", id="no dsn"),
        pytest.param(
            "pools: {interval: 5s, timeout: 6s}",
            "settings.yaml:1:32: timeout 6s must be shorter",
            id="timeout too long",
        ),
        pytest.param("pools: {stale_after: 1s}", "settings.yaml:1:22: stale_after 1s must not", id="stale too early"),
        pytest.param("postgres: {dsn: '${NO_SUCH}'}", "settings.yaml:1:17: the environment has no variable", id="env"),
        pytest.param("- 1", "settings.yaml:1:1: input should be", id="a list"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert any(found.startswith(message) for found in problems(tmp_path, text)), problems(tmp_path, text)


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "interval: x\npools: {tabel: y}\ntargets:\n  b:\n    pools: {timeout: 99s}\n")

    assert [line.partition(" ")[0] for line in found] == ["settings.yaml:1:11:", "settings.yaml:2:9:"]


def test_no_secret_is_repeated(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("postgres: {dsn: 'mysql://root:hunter2@db/x'}\n")

    with pytest.raises(InvalidInputError) as caught:
        load_settings(file, SECTIONS, {})

    assert "hunter2" not in caught.value.problems[0].message


def test_a_block_of_a_further_target_is_checked_too(tmp_path: Path) -> None:
    assert problems(tmp_path, "targets: {b: {pools: {tabel: x}}}")[0].startswith(
        "settings.yaml:1:23: targets.b.pools.tabel: not a known setting"
    )


def test_variables_are_filled_in(tmp_path: Path) -> None:
    settings = load(tmp_path, "postgres: {dsn: 'postgresql://${WHO}@db/x$$y'}", WHO="me")

    assert settings.main.postgres.dsn == "postgresql://me@db/x$y"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "seconds"), [("15s", 15), ("500ms", 0.5), ("1m30s", 90), (20, 20), ("2h", 7200), (0.5, 0.5)]
)
def test_durations(value: object, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize("value", ["", "15", "s", "-1s", "1s2", None, [], float("nan"), float("inf"), "1e3s"])
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)


def test_times_follow_the_interval(tmp_path: Path) -> None:
    settings = load(tmp_path, "interval: 6s\npools: {}\n")

    assert timing(settings.main, settings.main.pools) == (6.0, 4.0, 18.0)  # type: ignore[attr-defined]


def test_without_a_file_the_environment_names_the_sources() -> None:
    environ = {"DATABASE_URL": "postgresql://db/x", "REDIS_URL": "redis://cache"}

    settings = settings_from_environment(SECTIONS, environ)

    assert settings.main.postgres.dsn == "postgresql://db/x"  # type: ignore[attr-defined]
    assert settings.main.redis.url == "redis://cache"  # type: ignore[attr-defined]


def test_an_empty_file_is_valid_and_names_no_source(tmp_path: Path) -> None:
    assert section(load(tmp_path, "").main, ("postgres",)) is None


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(InvalidInputError, match="REDIS_URL: redis: url must begin"):
        settings_from_environment(SECTIONS, {"REDIS_URL": "cache:6379"})
