"""Charts as SVG for a page, and as PNG for a document: matplotlib, loaded only when something is drawn.

Colours are drawn as for paper; a page replaces each by a variable, so that the same picture reads in the dark. Names
come from labels: they are text, never formulas, and a leading underscore hides none.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from .model import Bar, Chart, Series, Shape, Status, Unit
from .wording import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("#0550ae", "#bc4c00", "#1a7f37", "#8250df", "#0e7490", "#bf3989", "#7d4e00", "#57606a")
_INK, _MUTED, _GRID, _LIMIT = "#1f2328", "#59636e", "#d1d9e0", "#cf222e"
_STATUS = {Status.NONE: "#6e7781", Status.GOOD: "#1a7f38", Status.LOOK: "#9a6700", Status.BAD: _LIMIT}
VARIABLES = {
    **{colour: f"--line-{number}" for number, colour in enumerate(LINES, 1)},
    _INK: "--ink",
    _MUTED: "--muted",
    _GRID: "--grid",
    _LIMIT: "--bad",
    _STATUS[Status.NONE]: "--plain",
    _STATUS[Status.GOOD]: "--good",
    _STATUS[Status.LOOK]: "--look",
}
"""By colour on paper: the variable of the page."""
_WIDTH, _HEIGHT, _ROW = 4.8, 2.8, 0.4
"""Inches at 72 units each: 346 units are a phone's width, so letters keep their size there."""
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "jackpot-exporter",
    "text.parse_math": False,
    "text.color": _INK,
    "font.size": 10,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}
_NAME_MAX = 42
_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"


def draw_svg(chart: Chart, key: str) -> ElementTree.Element:
    """An element for a page; `key` keeps its ids apart from those of other charts."""
    text = _drawn(chart, "svg").decode()
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    root = ElementTree.fromstring(text)  # noqa: S314 - made above
    for element in list(root.iter()):
        element.tag = element.tag.removeprefix(_SVG)
        for child in [child for child in element if child.tag == f"{_SVG}metadata"]:
            element.remove(child)
    _own_ids(root, key)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib.update({"class": "chart", "role": "img", "aria-labelledby": f"{key}-title {key}-words"})
    title, words = ElementTree.Element("title", id=f"{key}-title"), ElementTree.Element("desc", id=f"{key}-words")
    title.text, words.text = chart.title, chart.description
    root[:0] = [title, words]
    return root


def draw_png(chart: Chart) -> bytes:
    return _drawn(chart, "png")


def _own_ids(root: ElementTree.Element, key: str) -> None:
    """Only what is referred to keeps an id, with the key in front."""
    for element in root.iter():
        if "id" in element.attrib:
            element.set("id", f"{key}-{element.get('id')}")
        if _LINK in element.attrib:
            element.set("href", element.attrib.pop(_LINK).replace("#", f"#{key}-"))
        for name, value in element.attrib.items():
            if "url(#" in value:
                element.set(name, value.replace("url(#", f"url(#{key}-"))
    used = {
        match
        for element in root.iter()
        for value in element.attrib.values()
        for match in re.findall(r"(?:^|url\()#([\w-]+)", value)
    }
    for element in root.iter():
        if element.get("id", "") not in used:
            element.attrib.pop("id", None)


def _drawn(chart: Chart, form: str) -> bytes:
    import matplotlib as mpl  # noqa: PLC0415 - an extra, and slow to load
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _height(chart)), layout="constrained")
        _draw(figure, chart)
        out = io.BytesIO()
        metadata = {"Date": None} if form == "svg" else None
        figure.savefig(out, format=form, dpi=200 if form == "png" else 72, transparent=True, metadata=metadata)
    return out.getvalue()


def _height(chart: Chart) -> float:
    if chart.shape in {Shape.LEVELS, Shape.SPANS}:
        return 0.55 + _ROW * max(1, len({bar.name for bar in chart.bars}))
    shown = sum(bool(one.name) for one in chart.series) + len(chart.thresholds)
    return _HEIGHT + 0.17 * ((shown + 1) // 2)


def _draw(figure: Figure, chart: Chart) -> None:
    axes = figure.add_subplot()
    if chart.shape is Shape.LEVELS:
        _draw_levels(axes, chart)
    elif chart.shape is Shape.SPANS:
        _draw_spans(axes, chart)
    else:
        _draw_lines(figure, axes, chart)


def _draw_lines(figure: Figure, axes: Axes, chart: Chart) -> None:
    factor, label = _scale(chart)
    colours = {series.name: LINES[number % len(LINES)] for number, series in enumerate(chart.series)}
    handles = [handle for series in chart.series for handle in _line(axes, series, colours[series.name], factor)]
    for threshold in chart.thresholds:
        colour = colours.get(threshold.of, _LIMIT)
        handles.append((_limit(axes.axhline, threshold.level * factor, colour), threshold.name))
    axes.set_title(label, loc="left", fontsize=10, color=_MUTED)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.grid(visible=False, axis="x")
    _fit_height(axes)
    _tell_time(axes, chart)
    shown = [(handle, _short(name)) for handle, name in handles if name]
    if shown:
        figure.legend([one for one, _ in shown], [name for _, name in shown], loc="outside lower left", ncols=2)


def _limit(draw: Callable[..., Any], level: float, colour: str) -> Any:
    return draw(level, color=colour, linewidth=1.1, linestyle=(0, (2, 2)))


def _line(axes: Axes, series: Series, colour: str, factor: float) -> list[tuple[Any, str]]:
    times: list[Any] = [datetime.fromtimestamp(at, UTC) for at, _ in series.points]
    values = [float("nan") if value is None else value * factor for _, value in series.points]
    style: Any = (0, (5, 2)) if series.is_dashed else "-"
    (line,) = axes.plot(times, values, color=colour, linestyle=style)
    lone = [number for number in range(len(values)) if _is_lone(values, number)]
    axes.plot([times[n] for n in lone], [values[n] for n in lone], ".", color=colour, markersize=3)
    return [(line, series.name)]


def _is_lone(values: list[float], number: int) -> bool:
    """Between two gaps, where a line would have no length."""
    before, after = values[number - 1 : number], values[number + 1 : number + 2]
    return not math.isnan(values[number]) and all(math.isnan(one) for one in (*before, *after))


def _draw_levels(axes: Axes, chart: Chart) -> None:
    """Bars from zero with their names above them; what is far over the threshold is cut and says so in its number."""
    top = max([1.25, *(min(bar.end, 2.0) for bar in chart.bars)]) * 1.15
    for row, bar in enumerate(reversed(chart.bars)):
        length = min(bar.end, top)
        axes.barh(row, length, height=0.34, color=_STATUS[bar.status])
        axes.text(0, row + 0.22, f"{_short(bar.name)}: {say(bar.end, chart.unit)}", fontsize=9.5, va="bottom")
    for threshold in chart.thresholds:
        _limit(axes.axvline, threshold.level, _LIMIT)
    axes.set_xlim(0, top)
    axes.set_ylim(-0.5, max(1, len(chart.bars)) - 0.1)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value * 100:.0f} %")
    axes.grid(visible=False, axis="y")


def _draw_spans(axes: Axes, chart: Chart) -> None:
    names = list(dict.fromkeys(bar.name for bar in reversed(chart.bars)))
    rows = {name: len(names) - 1 - row for row, name in enumerate(names)}
    shortest = (chart.end - chart.start) / 250
    for bar in chart.bars:
        _span(axes, bar, rows[bar.name], shortest)
    for name, row in rows.items():
        axes.text(datetime.fromtimestamp(chart.start, UTC), row + 0.22, _short(name), fontsize=9.5, va="bottom")  # type: ignore[arg-type]
    axes.set_ylim(-0.5, max(1, len(names)) - 0.1)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    _tell_time(axes, chart)


def _span(axes: Axes, bar: Bar, row: int, shortest: float) -> None:
    """A minute of a week is still to be seen."""
    end = max(bar.end, bar.start + shortest)
    start: Any = datetime.fromtimestamp(bar.start, UTC)  # which types an axis takes, only matplotlib knows
    axes.barh(row, (end - bar.start) / 86400, left=start, height=0.34, color=_STATUS[bar.status])


def _tell_time(axes: Axes, chart: Chart) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415

    locator = AutoDateLocator(tz=UTC, minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    formatter = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]
    formatter.formats = ["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
    formatter.zero_formats = ["", "%b %Y", "%d %b", "%d %b", "%H:%M", "%H:%M"]
    formatter.offset_formats = ["UTC", "%Y, UTC", "%Y, UTC", "%Y-%m-%d, UTC", "%Y-%m-%d, UTC", "%Y-%m-%d, UTC"]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlim(datetime.fromtimestamp(chart.start, UTC), datetime.fromtimestamp(chart.end, UTC))  # type: ignore[arg-type]


def _fit_height(axes: Axes) -> None:
    """From zero, unless all that is drawn lies far above it."""
    low, high = axes.get_ylim()
    if -0.1 * high < low < 0.5 * high:
        axes.set_ylim(0, high)


def _scale(chart: Chart) -> tuple[float, str]:
    """What values are multiplied with to be read easily, and the name of the unit then."""
    levels = [threshold.level for threshold in chart.thresholds]
    high = max([0.0, *(abs(v) for one in chart.series for _, v in one.points if v is not None), *levels])
    if chart.unit is Unit.BYTES:
        return _scale_bytes(high)
    if chart.unit is Unit.SECONDS:
        return (1000, "milliseconds") if high < 1 else (1, "seconds")
    return {
        Unit.RATIO: (100.0, "percent"),
        Unit.CENTS: (0.01, "dollars"),
        Unit.PER_SECOND: (1.0, "a second"),
        Unit.COUNT: (1.0, "number"),
    }.get(chart.unit, (1.0, ""))


def _scale_bytes(high: float) -> tuple[float, str]:
    for power, name in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if high >= 1024**power:
            return 1 / 1024**power, name
    return 1, "bytes"


def _short(name: str) -> str:
    return name if len(name) <= _NAME_MAX else f"{name[: _NAME_MAX - 1]}\N{HORIZONTAL ELLIPSIS}"
