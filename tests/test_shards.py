"""Several exporters share the targets: each target is watched once, and few move when there is one exporter more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from harness.exporter import ExporterProcess
from jackpot_exporter.cli import main
from jackpot_exporter.config import Settings, TargetBase, WebSettings
from jackpot_exporter.shards import Shard

NAMES = [f"brand-{number}" for number in range(2_000)]


def home(name: str, of: int) -> int:
    (number,) = [number for number in range(1, of + 1) if Shard(number, of).watches(name)]
    return number


@pytest.mark.parametrize("of", [1, 2, 3, 7, 20])
def test_each_target_has_one_home_and_shares_are_even(of: int) -> None:
    homes = [home(name, of) for name in NAMES]

    shares = [homes.count(number) for number in range(1, of + 1)]
    fair = len(NAMES) / of
    assert all(abs(share - fair) < 4 * fair**0.5 for share in shares)


@pytest.mark.parametrize("of", [1, 4, 9])
def test_one_more_takes_from_the_others_and_moves_nothing_else(of: int) -> None:
    moved = [name for name in NAMES if home(name, of) != home(name, of + 1)]

    assert {home(name, of + 1) for name in moved} == {of + 1}
    assert len(moved) / len(NAMES) == pytest.approx(1 / (of + 1), abs=0.03)


def test_the_homes_never_change_by_themselves() -> None:
    """A release that moved them would restart every series of theirs."""
    assert [home(name, 3) for name in NAMES[:12]] == [1, 3, 3, 2, 3, 3, 2, 3, 3, 3, 2, 2]


def test_the_top_of_the_file_is_the_first_shards() -> None:
    top = TargetBase(namespace="top")
    settings = Settings(top, {name: TargetBase() for name in NAMES}, WebSettings())

    shares = [Shard(number, 3).share(settings) for number in (1, 2, 3)]

    assert [share.main.namespace for share in shares] == ["top", "jackpot", "jackpot"]
    assert sorted(name for share in shares for name in share.targets) == sorted(NAMES)


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "-1/3", "1/0", "1/99999", "a/b", "1/3 "])
def test_what_is_no_shard_is_refused(text: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--shard", text])

    assert done.exit_code == 2
    assert "a shard is i/n" in done.output


def test_exporters_with_one_file_find_disjoint_targets() -> None:
    settings: dict[str, Any] = {
        "host": {"interval": "1m"},
        "targets": {name: {"host": {"enabled": False}} for name in NAMES[:12]},
    }
    with (
        ExporterProcess(settings, "--shard", "1/2") as first,
        ExporterProcess(settings, "--shard", "2/2") as second,
    ):
        found = [
            [group["labels"]["__param_target"] for group in json.loads(running.get("/sd"))]
            for running in (first, second)
        ]
        families = [set(running.scrape()) for running in (first, second)]

    assert all(found)
    assert sorted(found[0] + found[1]) == sorted(NAMES[:12])
    assert "node_load1" in families[0]
    assert "node_load1" not in families[1]
