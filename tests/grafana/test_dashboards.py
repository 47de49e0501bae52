"""What holds for every shipped dashboard besides the linter's rules."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.dashboard_linter import Json, expand, panels_of, targets_of
from harness.promtool import PROMTOOLS, run_promtool
from jackpot_exporter import tools
from jackpot_exporter.bundle import PackSet, compile_bundle, load_packs
from jackpot_exporter.bundle.access import load_access
from jackpot_exporter.bundle.compilers.dashboards import compile_dashboards

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "grafana" / "dashboards").glob("*/*.json"))
UIDS = [file.stem for file in FILES]

KEPT = {
    "host", "jackpot", "jackpot-alerts", "jackpot-backups", "jackpot-development", "jackpot-executive",
    "jackpot-exporter", "jackpot-performance", "jackpot-pools", "jackpot-realtime", "postgres", "probes", "redis",
    "system-errors", "system-history", "system-objectives", "system-resources", "system-status",
}  # fmt: skip
"""Bookmarks and alerts point at these: none may vanish or be renamed."""


@pytest.fixture(scope="module")
def packs() -> PackSet:
    return load_packs()


@pytest.fixture(scope="module")
def dashboards() -> dict[str, Json]:
    return {file.stem: json.loads(file.read_text()) for file in FILES}


def test_uids_stay() -> None:
    assert set(UIDS) >= KEPT


def test_files_are_called_like_their_uids(dashboards: dict[str, Json]) -> None:
    assert {stem: dashboard["uid"] for stem, dashboard in dashboards.items()} == {uid: uid for uid in UIDS}


def test_compiling_twice_gives_the_same_bytes(packs: PackSet) -> None:
    assert list(compile_dashboards(packs)) == list(compile_dashboards(load_packs()))


@pytest.mark.parametrize("uid", UIDS)
def test_ids_are_unique(uid: str, dashboards: dict[str, Json]) -> None:
    rows = [panel["id"] for panel in dashboards[uid]["panels"] if panel["type"] == "row"]
    ids = Counter([*rows, *(panel["id"] for panel in panels_of(dashboards[uid]))])

    assert [one for one, times in ids.items() if times > 1] == []


@pytest.mark.parametrize("uid", UIDS)
def test_panels_do_not_overlap(uid: str, dashboards: dict[str, Json]) -> None:
    layers = [dashboards[uid]["panels"], *(panel.get("panels", []) for panel in dashboards[uid]["panels"])]
    for layer in layers:
        for one, other in itertools.combinations(layer, 2):
            assert not _overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])
        assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in layer)


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


@pytest.mark.parametrize("uid", UIDS)
def test_every_panel_says_something_when_it_is_empty(uid: str, dashboards: dict[str, Json]) -> None:
    silent = [p["title"] for p in panels_of(dashboards[uid]) if not p["fieldConfig"]["defaults"].get("noValue")]

    assert silent == []


@pytest.mark.parametrize("uid", UIDS)
def test_links_resolve(uid: str, dashboards: dict[str, Json]) -> None:
    """To dashboards that exist, and to sections of the runbook that exist."""
    anchors = set(re.findall(r"^### (\w+)$", (ROOT / "prometheus" / "RUNBOOK.md").read_text(), re.MULTILINE))
    known = {name.lower() for name in anchors}
    links = [*dashboards[uid]["links"], *(link for panel in panels_of(dashboards[uid]) for link in panel["links"])]
    for url in filter(None, (link["url"] for link in links)):
        if url.startswith("/d/"):
            match = re.fullmatch(r"/d/([\w-]+)(?:\?.*?)?(?:&viewPanel=(\d+))?", url)
            assert match, url
            assert match[1] in UIDS, url
            assert match[2] is None or int(match[2]) in {panel["id"] for panel in panels_of(dashboards[match[1]])}, url
        elif "#" in url:
            assert url.partition("#")[2] in known, url


def test_alerts_point_at_dashboards_that_exist(packs: PackSet) -> None:
    urls = {rule.annotations["dashboard_url"] for alert in packs.alerts for rule in alert.rules}

    assert {url.rsplit("/", 1)[1] for url in urls} <= set(UIDS)


def _limits(packs: PackSet) -> list[tuple[str, str, float, bool]]:
    """Panel, alert, value and whether it is money, for every line on every dashboard that an alert stands behind."""
    return [
        (panel.title, limit.alert, limit.value, look.unit == "currencyUSD")
        for dashboard in packs.dashboards.found
        for panel in dashboard.panels
        for look in (panel.look, *(column.look for column in panel.columns if column.look))
        for limit in look.limits
        if limit.alert
    ]


def test_lines_stand_where_the_alerts_fire(packs: PackSet) -> None:
    """The number is in the rule itself, not only among the values that the line was taken from."""
    expressions = {alert.name: " ".join(rule.expr for rule in alert.rules) for alert in packs.alerts}
    wrong = [
        (panel, alert, value)
        for panel, alert, value, is_money in _limits(packs)
        if not {value, value * 100 if is_money else value} & _numbers(expressions[alert])
    ]

    assert len(_limits(packs)) > 60
    assert wrong == []


def _numbers(expr: str) -> set[float]:
    return {float(number) for number in re.findall(r"(?<![\w.\[])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])", expr)}


def test_a_line_moves_with_its_alert(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("alerts: {JackpotErrorRatioHigh: {values: {limit: 0.02}}}\n")

    moved = load_packs(values=values)

    assert {value for _, alert, value, _ in _limits(moved) if alert == "JackpotErrorRatioHigh"} == {0.02}


def test_the_line_of_an_alert_that_is_off_is_gone(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("alerts: {JackpotErrorRatioHigh: {disabled: true}}\n")

    without = load_packs(values=values)

    assert [alert for _, alert, _, _ in _limits(without) if alert == "JackpotErrorRatioHigh"] == []


PROMISES = {"Contributions": "contribution", "Wins": "win", "Pool queries": "pool-query"}


@pytest.mark.parametrize("panel", PROMISES)
def test_green_lines_stand_at_what_is_promised(panel: str, packs: PackSet) -> None:
    """An objective counts as good what is in the bucket of its promise."""
    objectives = {one.name: one for pack in packs.packs for one in pack.objectives}
    promised = re.findall(r'le="([\d.]+)"', objectives[f"jackpot-{PROMISES[panel]}-latency"].bad)
    found = next(
        one
        for dashboard in packs.dashboards.found
        if dashboard.uid == "jackpot-performance"
        for one in dashboard.panels
        if one.title == panel
    )

    assert {limit.value for limit in found.look.limits if limit.colour == "green"} == {float(le) for le in promised}


@pytest.mark.parametrize("version", PROMTOOLS)
def test_promtool_takes_every_expression(version: str, dashboards: dict[str, Json], tmp_path: Path) -> None:
    every = [expr for dashboard in dashboards.values() for _, expr in targets_of(dashboard)]
    every += [one["expr"] for one in dashboards["jackpot"]["annotations"]["list"]]
    rules = [{"record": f"x:{number}", "expr": expand(expr)} for number, expr in enumerate(every)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))

    verdict = run_promtool(tools.find("promtool", PROMTOOLS[version]), "check", "rules", file)

    assert verdict.is_good, verdict.text


def _provisioned() -> list[dict[str, Any]]:
    file = ROOT / "grafana" / "provisioning" / "dashboards" / "jackpot.yaml"
    providers: list[dict[str, Any]] = yaml.safe_load(file.read_text())["providers"]
    return providers


def test_every_folder_of_dashboards_is_provisioned() -> None:
    folders = {Path(provider["options"]["path"]).name for provider in _provisioned()}

    assert folders == {file.parent.name for file in FILES}


def test_access_names_the_folders_that_are_provisioned() -> None:
    provisioned = {(provider["folder"], provider["folderUid"]) for provider in _provisioned()}

    assert {(folder.title, folder.uid) for folder in load_access().folders} == provisioned


def test_the_home_dashboard_exists() -> None:
    home = re.search(r"home_dashboard_path = (.+)", (ROOT / "grafana" / "grafana.ini").read_text())

    assert home
    assert (ROOT / "grafana" / "dashboards" / Path(home[1]).parent.name / Path(home[1]).name).is_file()


def test_config_maps_hold_the_same_dashboards(packs: PackSet, dashboards: dict[str, Json]) -> None:
    found = [yaml.safe_load(a.content) for a in compile_bundle(packs) if a.path.startswith("grafana/configmaps/")]
    held = {name: json.loads(text) for one in found for name, text in one["data"].items()}

    assert held == {f"{uid}.json": dashboard for uid, dashboard in dashboards.items()}
    assert {one["metadata"]["labels"]["grafana_dashboard"] for one in found} == {"1"}
    assert max(len(text) for one in found for text in one["data"].values()) < 256 * 1024
