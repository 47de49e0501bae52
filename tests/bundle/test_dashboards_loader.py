"""What is refused in dashboards.yaml, with its place and a remedy, and what becomes of what is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.small_packs import edit
from jackpot_exporter.bundle import compile_bundle, load_packs
from jackpot_exporter.errors import InvalidInputError

FILE = "small/dashboards.yaml"
SMALL = """\
recordings:
  - record: instance:pool_amount:sum
    help: All pools.
    expr: sum by (service, job, instance) (pool_amount)
vocabularies:
  state: {"0": [low, red], "1": [high, green]}
dashboards:
  - uid: small
    title: Small
    folder: Operations
    description: Pools.
    anchor: pool_amount
    links: [other]
    rows:
      - panels:
          - title: Pools
            kind: timeseries
            description: What they hold.
            query: max by (pool) (pool_amount{$target})
            money: true
            limits: {PoolLow: minimum}
      - title: More
        collapsed: true
        panels:
          - title: State
            kind: stat
            description: High or low.
            query: max(instance:pool_amount:sum{$target})
            words: state
          - title: Both
            kind: table
            description: By pool.
            queries:
              amount: max by (pool) (pool_amount{$target})
              calls: sum(rate(calls_total{$target}[$__rate_interval]))
            columns:
              pool: {title: Pool}
              amount: {title: Amount, money: true}
              calls: {title: Calls, unit: ops}
            to: other
  - uid: other
    title: Other
    folder: Business
    description: Nothing.
    anchor: pool_amount
    rows: []
"""


@pytest.fixture
def shown(small: Path) -> Path:
    """The small packs with dashboards."""
    (small / FILE).write_text(SMALL)
    return small


BROKEN = {
    "a typo in a metric": ("(pool_amount{$target})\n            money", "(pool_amuont{$target})\n            money",
                           "pool_amuont", 'did you mean "pool_amount"?'),
    "a typo in a recording": ("(service, job, instance) (pool_amount)", "(service, job, instance) (pool)",
                              'declares "pool"', ""),
    "an unknown label": ("max by (pool) (pool_amount{$target})\n            money",
                         "max by (pol) (pool_amount{$target})\n            money", '"pol"', 'did you mean "pool"?'),
    "bad PromQL": ("sum(rate(calls_total{$target}[$__rate_interval]))", "sum(rate(calls_total{$target}))",
                   "is not PromQL", ""),
    "an unknown alert": ("PoolLow: minimum", "PoolLaw: minimum", '"PoolLaw"', 'did you mean "PoolLow"?'),
    "an unknown value of an alert": ("PoolLow: minimum", "PoolLow: minimun", '"minimun"', 'did you mean "minimum"?'),
    "an unknown vocabulary": ("words: state", "words: sate", '"sate"', 'did you mean "state"?'),
    "a link to nowhere": ("to: other", "to: othre", '"othre"', 'did you mean "other"?'),
    "a link to no panel": ("to: other", "to: small/Pool", 'small has no panel "Pool"', 'did you mean "Pools"?'),
    "a related dashboard that is not there": ("links: [other]", "links: [othre]", '"othre"', 'did you mean "other"?'),
    "two panels of one title": ("title: State", "title: Pools", "same id", "rename one"),
    "two dashboards of one uid": ("- uid: other", "- uid: small", "another dashboard has this name", "rename"),
    "no query": ("query: max by (pool) (pool_amount{$target})\n            money", "money", "either query", ""),
    "a pack without its dashboard": ("- uid: small", "- uid: smal", 'has the uid "small"', 'did you mean "smal"?'),
    "an unknown folder": ("folder: Business", "folder: Cellar", "folder", "'Business'"),
    "an unknown colour": ("[low, red]", "[low, crimson]", "vocabularies", "'green'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_refused(case: str, shown: Path) -> None:
    old, new, says, remedy = BROKEN[case]
    edit(shown, FILE, old, new)

    with pytest.raises(InvalidInputError) as refused:
        load_packs(shown)

    text = str(refused.value)
    assert says in text
    assert remedy in text
    assert ".yaml:" in text


def _compiled(folder: Path, path: str) -> Any:
    found = {artifact.path: artifact.content for artifact in compile_bundle(load_packs(folder))}
    return json.loads(found[path])


def test_packs_without_dashboards_are_right(small: Path) -> None:
    assert load_packs(small).dashboards.found == ()


def test_money_is_shown_in_units_of_currency_and_so_is_its_limit(shown: Path) -> None:
    panel = _compiled(shown, "grafana/dashboards/operations/small.json")["panels"][0]

    assert panel["targets"][0]["expr"].endswith(") / 100")
    assert panel["fieldConfig"]["defaults"]["unit"] == "currencyUSD"
    assert [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]] == [None, 1]


def test_a_collapsed_row_holds_its_panels(shown: Path) -> None:
    panels = _compiled(shown, "grafana/dashboards/operations/small.json")["panels"]

    assert [panel["title"] for panel in panels] == ["Pools", "More"]
    assert [panel["title"] for panel in panels[1]["panels"]] == ["State", "Both"]


def test_a_table_shows_its_columns_in_order(shown: Path) -> None:
    table = _compiled(shown, "grafana/dashboards/operations/small.json")["panels"][1]["panels"][1]

    organize = table["transformations"][-1]["options"]
    assert organize["renameByName"] == {"pool": "Pool", "Value #A": "Amount", "Value #B": "Calls"}
    assert organize["indexByName"] == {"pool": 0, "Value #A": 1, "Value #B": 2}


def test_recordings_of_dashboards_become_rules(shown: Path) -> None:
    found = {artifact.path: artifact.content.decode() for artifact in compile_bundle(load_packs(shown))}

    assert "record: instance:pool_amount:sum" in found["prometheus/rules/dashboards.yml"]
    assert "prometheus/tests/dashboards_test.yml" not in found


def test_dashboards_of_a_pack_that_is_off_are_gone(shown: Path, tmp_path: Path) -> None:
    values = tmp_path / "own.yaml"
    values.write_text("packs: {small: {disabled: true}}\n")

    assert load_packs(shown, values).dashboards.found == ()
