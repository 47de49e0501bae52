"""Targets on one server report on their own databases; what stands alone, or names databases, is left as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from jackpot_exporter.collectors import discover
from jackpot_exporter.config import section
from jackpot_exporter.engine import Engine
from jackpot_exporter.neighbours import settle
from jackpot_exporter.settings import load_settings
from jackpot_exporter.telemetry import Telemetry


def runs(tmp_path: Path, target: dict[str, Any]) -> set[str]:
    """The collectors of a target that has these blocks besides a Redis."""
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump({"targets": {"a": {"redis": {"url": "redis://cache"}, **target}}}))
    settings = settle(load_settings(path, [kind.section for kind in discover()], {}))
    return set(Engine(settings.targets["a"], Telemetry()).store.collectors)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param({}, {"redis"}, id="unnamed"),
        pytest.param({"host": {"enabled": False}}, {"redis"}, id="off"),
        pytest.param({"host": {}}, {"redis", "host", "host_filesystems"}, id="named"),
        pytest.param({"cgroup": {}}, {"redis", "cgroup"}, id="control group"),
        pytest.param({"host": {"enabled": False, "filesystems": {}}}, {"redis", "host_filesystems"}, id="inner"),
    ],
)
def test_the_exporters_machine_is_no_targets(target: dict[str, Any], expected: set[str], tmp_path: Path) -> None:
    """Two hundred targets would read it two hundred times, and each would show it as its own."""
    assert runs(tmp_path, target) == expected


def databases(tmp_path: Path, targets: dict[str, Any], **top: Any) -> dict[str, tuple[str, ...]]:
    """By target, after settling."""
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump({**top, "targets": targets}))
    settings = settle(load_settings(path, [kind.section for kind in discover()], {}))
    return {name: section(target, ("postgres",)).databases for name, target in settings.targets.items()}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("postgresql://a@db/one", "postgresql://b:x@db:5432/other?sslmode=require", id="addresses"),
        pytest.param("host=db dbname=one", "postgresql://db/other", id="pairs"),
        pytest.param("postgresql:///one?host=/run/pg", "host='/run/pg' dbname='other'", id="sockets"),
        pytest.param("postgresql://[::1]:6000/one", "postgresql://u@[::1]:6000/other", id="ipv6"),
        pytest.param("postgresql:///one", "postgresql://localhost/other", id="default host"),
    ],
)
def test_targets_on_one_server_keep_to_their_own(one: str, other: str, tmp_path: Path) -> None:
    found = databases(tmp_path, {"a": {"postgres": {"dsn": one}}, "b": {"postgres": {"dsn": other}}})

    assert found == {"a": ("one",), "b": ("other",)}


def test_one_alone_on_its_server_reports_on_all_of_it(tmp_path: Path) -> None:
    """The settings at the top are no neighbour: they are one, and may be there to watch the whole."""
    addresses = {"a": "postgresql://db-a/x", "b": "postgresql://db-a:6432/x", "c": "postgresql://db-c/x"}
    top = {"postgres": {"dsn": "postgresql://db-a/postgres"}}

    found = databases(tmp_path, {name: {"postgres": {"dsn": dsn}} for name, dsn in addresses.items()}, **top)

    assert found == {"a": (), "b": (), "c": ()}


def test_databases_that_are_named_stay(tmp_path: Path) -> None:
    dsn = {"dsn": "postgresql://db/one"}

    found = databases(tmp_path, {"a": {"postgres": {**dsn, "databases": ["x", "y"]}}, "b": {"postgres": dsn}})

    assert found == {"a": ("x", "y"), "b": ("one",)}


def test_what_a_dsn_does_not_say_is_not_guessed(tmp_path: Path) -> None:
    """libpq has a default for the database, and a file is read when it is needed."""
    file = tmp_path / "dsn"
    file.write_text("postgresql://db/one")

    found = databases(
        tmp_path,
        {"a": {"postgres": {"dsn": "postgresql://db"}}, "b": {"postgres": {"dsn_file": str(file)}}},
    )

    assert found == {"a": (), "b": ()}
