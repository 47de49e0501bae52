"""A panel as Grafana's JSON: its queries, its options, its place is given."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping

from ..dashboards import Colour, Column, Kind, Link, Panel
from ._grafana_values import Json, defaults, mappings, thresholds

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
PLUGIN_VERSION = "12.0.0"
"""Without a version Grafana takes a panel for one of years ago and migrates it."""

_LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_LIST = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
_BESIDE = {
    "displayMode": "table",
    "placement": "right",
    "showLegend": True,
    "calcs": ["lastNotNull", "max"],
    "sortBy": "Last *",
    "sortDesc": True,
}
_SOFT_MAXIMA = {"short": 1, "s": 0.01, "percentunit": 0.01, "ops": 0.1, "cps": 0.1, "cpm": 0.1, "pps": 1, "Bps": 1024}
"""What an axis reaches at least, or one with nothing but zeros would end at a hundred of anything."""

_NO_LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []}


def emit_panel(panel: Panel, place: Json) -> Json:
    """The whole panel at `place`."""
    custom, overrides = _fields(panel)
    return {
        "id": panel.id,
        "type": str(panel.kind),
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": place,
        "pluginVersion": PLUGIN_VERSION,
        "targets": list(_targets(panel)),
        "fieldConfig": {
            "defaults": {**defaults(panel.look, panel.kind, panel.empty), "custom": custom},
            "overrides": overrides,
        },
        "options": _OPTIONS[panel.kind](panel),
        "transformations": list(_transformations(panel)) if panel.kind is Kind.TABLE else [],
        "links": [emit_link(link) for link in panel.links],
    }


def emit_link(link: Link) -> Json:
    return {"title": link.title, "url": link.url, "targetBlank": link.url.startswith("http")}


def _targets(panel: Panel) -> Iterator[Json]:
    formats = {Kind.TABLE: "table", Kind.HEATMAP: "heatmap"}
    for letter, query in zip(string.ascii_uppercase, panel.queries, strict=False):
        yield {
            "refId": letter,
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "format": formats.get(panel.kind, "time_series"),
            "legendFormat": query.legend or "__auto",
            "instant": not _is_range(panel),
            "range": _is_range(panel),
        }


def _is_range(panel: Panel) -> bool:
    return panel.is_trend or panel.kind in (Kind.TIMESERIES, Kind.STATES, Kind.HEATMAP)


def _fields(panel: Panel) -> tuple[Json, list[Json]]:
    """What the panel type adds to the configuration of its fields, and what it overrides for some of them."""
    match panel.kind:
        case Kind.TIMESERIES:
            return _graph(panel), [_coloured(name, colour) for name, colour in panel.colours.items()]
        case Kind.TABLE:
            return {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}, [
                _override(column, panel) for column in panel.columns
            ]
        case Kind.STATES:
            return {"lineWidth": 0, "fillOpacity": 80}, []
        case _:
            return {}, []


def _graph(panel: Panel) -> Json:
    unit = panel.look.unit
    return {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1 if panel.is_stacked else 2,
        "fillOpacity": 40 if panel.is_stacked else 8,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        "axisPlacement": "auto",
        "axisSoftMin": 0,
        **({"axisSoftMax": _SOFT_MAXIMA[unit]} if unit in _SOFT_MAXIMA and panel.look.maximum is None else {}),
        "stacking": {"mode": "normal" if panel.is_stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if panel.look.limits else "off"},
    }


def _coloured(name: str, colour: Colour) -> Json:
    """A series whose name says what colour it has."""
    value = {"mode": "fixed", "fixedColor": str(colour)}
    return {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "color", "value": value}]}


def _override(column: Column, panel: Panel) -> Json:
    """A column is overridden by the title that it is shown under."""
    properties: list[tuple[str, object]] = [("noValue", "-")]
    if not column.is_value:
        properties.append(("unit", "string"))  # or an id of digits would be written as a number
    if column.width:
        properties.append(("custom.width", column.width))
    if column.look:
        look = column.look
        if column.is_value:
            properties.append(("unit", look.unit))
        if look.decimals is not None:
            properties.append(("decimals", look.decimals))
        if look.words:
            properties.append(("mappings", mappings(look.words)))
        if look.words or look.limits:
            properties.append(("thresholds", thresholds(look, panel.kind)))
            properties.append(("custom.cellOptions", {"type": "color-text"}))
    return {
        "matcher": {"id": "byName", "options": column.title},
        "properties": [{"id": name, "value": value} for name, value in properties],
    }


def _transformations(panel: Panel) -> Iterator[Json]:
    """Queries joined by their labels; only the columns that are wanted, in their order, under their titles."""
    if len(panel.queries) > 1:
        yield {"id": "merge", "options": {}}
    fields = [_field(column, panel) for column in panel.columns]
    yield {"id": "filterFieldsByName", "options": {"include": {"names": fields}}}
    yield {
        "id": "organize",
        "options": {
            "excludeByName": {},
            "includeByName": {},
            "indexByName": {field: index for index, field in enumerate(fields)},
            "renameByName": {field: column.title for field, column in zip(fields, panel.columns, strict=True)},
        },
    }


def _field(column: Column, panel: Panel) -> str:
    """The name in Prometheus's data: the label's, or Value, with the query's letter where there are several."""
    if not column.is_value:
        return column.field
    if len(panel.queries) == 1:
        return "Value"
    names = [query.name for query in panel.queries]
    return f"Value #{string.ascii_uppercase[names.index(column.field)]}"


def _stat(panel: Panel) -> Json:
    return {
        "reduceOptions": _LAST,
        "orientation": "auto",
        "textMode": "auto",
        "colorMode": "background" if panel.look.words else "value",
        "graphMode": "area" if panel.is_trend else "none",
        "justifyMode": "center",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }


def _timeseries(panel: Panel) -> Json:
    names = [query.legend for query in panel.queries]
    legend = _BESIDE if panel.is_busy else _LIST if any(names) else _NO_LEGEND
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc", "hideZeros": False}}


def _bars(_panel: Panel) -> Json:
    return {
        "reduceOptions": _LAST,
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "color",
        "namePlacement": "left",
        "showUnfilled": True,
        "sizing": "manual",
        "minVizWidth": 8,
        "minVizHeight": 18,
        "maxVizHeight": 28,
        "text": {"valueSize": 16},
        "legend": _NO_LEGEND,
    }


def _table(panel: Panel) -> Json:
    sort = [{"displayName": panel.sort_by, "desc": not panel.is_rising}] if panel.sort_by else []
    return {"showHeader": True, "cellHeight": "sm", "sortBy": sort}


def _states(_panel: Panel) -> Json:
    return {
        "showValue": "auto",
        "rowHeight": 0.8,
        "mergeValues": True,
        "alignValue": "left",
        "legend": _LIST,
        "tooltip": {"mode": "single", "sort": "none"},
    }


def _heatmap(panel: Panel) -> Json:
    return {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "mode": "scheme",
            "scheme": "Oranges",
            "fill": "dark-orange",
            "exponent": 0.5,
            "scale": "exponential",
            "steps": 64,
            "reverse": False,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": panel.look.unit},
    }


_OPTIONS: Mapping[Kind, Callable[[Panel], Json]] = {
    Kind.STAT: _stat,
    Kind.TIMESERIES: _timeseries,
    Kind.BARGAUGE: _bars,
    Kind.TABLE: _table,
    Kind.STATES: _states,
    Kind.HEATMAP: _heatmap,
}
