"""The rules of Grafana's dashboard linter, by their names there, held against a dashboard's JSON.

Each rule is a function that yields complaints. The linter itself is a Go program; the rules are few and old, and so
are kept here in our own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import promql_parser as parser

Json = dict[str, Any]
Rule = Callable[[Json], Iterator[str]]

MAGIC_INTERVAL = "7m7s"
"""Stands for $__rate_interval while an expression is judged; nobody writes it himself."""

_TIMES = {"__rate_interval": MAGIC_INTERVAL, "__interval": "1m", "__range": "1d"}
_PANELS_THAT_MUST = {"stat", "timeseries", "table", "bargauge", "state-timeline", "heatmap"}
"""The linter looks at some of these only; ours must all be right."""

_UNITS = {
    "none", "string", "short", "locale", "percent", "percentunit", "bytes", "decbytes", "bits", "Bps", "bps", "pps",
    "currencyUSD", "dateTimeAsIso", "dateTimeFromNow", "s", "ms", "dtdurations", "hertz", "cps", "ops", "reqps",
    "rps", "wps", "iops",
    "cpm", "opm", "rpm", "wpm", "bool", "bool_yes_no", "bool_on_off",
}  # fmt: skip


def panels_of(dashboard: Json) -> Iterator[Json]:
    """Every panel, those in collapsed rows too."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", ())


def targets_of(dashboard: Json) -> Iterator[tuple[str, str]]:
    """Title of the panel and expression."""
    for panel in panels_of(dashboard):
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def expand(expr: str) -> str:
    """Variables outside of strings, as the linter puts something in their place."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return _TIMES.get(name, match[0] if name in ("job", "instance") else f"chosen_{name}")

    return re.sub(r"\$(?:\{(\w+)[^}]*\}|(\w+))", value, expr)


def walk(node: Any, parents: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every node of an expression with those above it."""
    yield node, parents
    inner = (*parents, node)
    match node:
        case parser.MatrixSelector():
            yield from walk(node.vector_selector, inner)
        case parser.BinaryExpr():
            yield from walk(node.lhs, inner)
            yield from walk(node.rhs, inner)
        case parser.Call():
            for argument in node.args:
                yield from walk(argument, inner)
        case parser.AggregateExpr() | parser.SubqueryExpr() | parser.ParenExpr() | parser.UnaryExpr():
            yield from walk(node.expr, inner)
            if isinstance(node, parser.AggregateExpr) and node.param is not None:
                yield from walk(node.param, inner)


def _parsed(dashboard: Json) -> Iterator[tuple[str, Any]]:
    for title, expr in targets_of(dashboard):
        try:
            yield title, parser.parse(expand(expr))
        except ValueError:  # another rule complains of it
            continue


def _variables(dashboard: Json) -> dict[str, Json]:
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def template_datasource(dashboard: Json) -> Iterator[str]:
    found = [one for one in dashboard["templating"]["list"] if one["type"] == "datasource"]
    if [(one["name"], one["label"], one["query"]) for one in found] != [("datasource", "Data source", "prometheus")]:
        yield "there must be one variable for the data source, called datasource and labelled Data source"


def _template(dashboard: Json, name: str) -> Iterator[str]:
    variable = _variables(dashboard).get(name)
    if variable is None:
        yield f"the variable {name} is missing"
        return
    wanted = {"type": "query", "label": name.title(), "multi": True, "allValue": ".+"}
    for key, value in wanted.items():
        if variable.get(key) != value:
            yield f"the {key} of the variable {name} must be {value}"
    if variable["datasource"]["uid"] not in ("$datasource", "${datasource}"):
        yield f"the variable {name} must ask $datasource"


def template_job(dashboard: Json) -> Iterator[str]:
    yield from _template(dashboard, "job")


def template_instance(dashboard: Json) -> Iterator[str]:
    yield from _template(dashboard, "instance")


def template_label_promql(dashboard: Json) -> Iterator[str]:
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        match = re.fullmatch(r"label_values\((.+), *\w+\)|query_result\((.+)\)", variable["query"])
        try:
            parser.parse(expand(match[1] or match[2]) if match else "")
        except ValueError as error:
            yield f"{variable['query']}: {error}"


def template_on_time_change_reload(dashboard: Json) -> Iterator[str]:
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query" and variable["refresh"] != 2:
            yield f"the variable {variable['name']} must be asked for again when the time changes"


def panel_datasource(dashboard: Json) -> Iterator[str]:
    for panel in panels_of(dashboard):
        for part in (panel, *panel["targets"]):
            if part.get("datasource") != {"type": "prometheus", "uid": "${datasource}"}:
                yield f"{panel['title']} must ask ${{datasource}}"


def panel_title_description(dashboard: Json) -> Iterator[str]:
    for panel in panels_of(dashboard):
        if not panel["title"] or not panel["description"]:
            yield f"panel {panel['id']} has no title or no description"


def panel_units(dashboard: Json) -> Iterator[str]:
    for panel in panels_of(dashboard):
        overrides = [one for override in panel["fieldConfig"]["overrides"] for one in override["properties"]]
        units = [one["value"] for one in overrides if one["id"] == "unit"]
        for unit in (panel["fieldConfig"]["defaults"].get("unit"), *units):
            if unit not in _UNITS:
                yield f'{panel["title"]} has the unit "{unit}"'


def panel_no_targets(dashboard: Json) -> Iterator[str]:
    for panel in panels_of(dashboard):
        if panel["type"] in _PANELS_THAT_MUST and not panel["targets"]:
            yield f"{panel['title']} asks for nothing"
        if panel["type"] not in _PANELS_THAT_MUST:
            yield f"{panel['title']} is of the type {panel['type']}, which no rule looks at"


def no_logql(dashboard: Json) -> Iterator[str]:
    """Two rules, for LogQL and for its ranges: there is none."""
    for panel in panels_of(dashboard):
        for part in (panel, *panel["targets"]):
            if part["datasource"]["type"] == "loki":
                yield f"{panel['title']} speaks LogQL"


def target_promql(dashboard: Json) -> Iterator[str]:
    for title, expr in targets_of(dashboard):
        try:
            parser.parse(expand(expr))
        except ValueError as error:
            yield f"{title}: {error}"


def target_rate_interval(dashboard: Json) -> Iterator[str]:
    magic = timedelta(minutes=7, seconds=7)
    for title, tree in _parsed(dashboard):
        for node, parents in walk(tree):
            if not isinstance(node, parser.MatrixSelector) or node.range == magic:
                continue
            call = parents[-1] if parents else None
            if not isinstance(call, parser.Call) or call.func.name in ("rate", "irate"):
                yield f"{title}: a rate is over $__rate_interval"


def _target_matcher(dashboard: Json, name: str) -> Iterator[str]:
    for title, tree in _parsed(dashboard):
        for node, _ in walk(tree):
            if not isinstance(node, parser.VectorSelector):
                continue
            found = [(m.op, m.value) for m in node.matchers.matchers if m.name == name]
            if found != [(parser.MatchOp.Re, f"${name}")]:
                yield f'{title}: {node.name} lacks {name}=~"${name}"'


def target_job(dashboard: Json) -> Iterator[str]:
    yield from _target_matcher(dashboard, "job")


def target_instance(dashboard: Json) -> Iterator[str]:
    yield from _target_matcher(dashboard, "instance")


def target_counter_agg(dashboard: Json) -> Iterator[str]:
    for title, tree in _parsed(dashboard):
        for node, parents in walk(tree):
            if not isinstance(node, parser.VectorSelector) or not (node.name or "").endswith("_total"):
                continue
            call = parents[-2] if len(parents) > 1 and isinstance(parents[-1], parser.MatrixSelector) else None
            if not isinstance(call, parser.Call) or call.func.name not in ("rate", "irate", "increase"):
                yield f"{title}: {node.name} is a counter; take its rate or increase"


def uneditable_dashboard(dashboard: Json) -> Iterator[str]:
    if dashboard["editable"] is not False:
        yield "it must not be editable"


RULES: Mapping[str, Rule] = {
    "template-datasource-rule": template_datasource,
    "template-job-rule": template_job,
    "template-instance-rule": template_instance,
    "template-label-promql-rule": template_label_promql,
    "template-on-time-change-reload-rule": template_on_time_change_reload,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": panel_title_description,
    "panel-units-rule": panel_units,
    "panel-no-targets-rule": panel_no_targets,
    "target-logql-rule": no_logql,
    "target-logql-auto-rule": no_logql,
    "target-promql-rule": target_promql,
    "target-rate-interval-rule": target_rate_interval,
    "target-job-rule": target_job,
    "target-instance-rule": target_instance,
    "target-counter-agg-rule": target_counter_agg,
    "uneditable-dashboard-rule": uneditable_dashboard,
}
