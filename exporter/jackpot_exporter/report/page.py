"""A report as one HTML file: style and charts inside, no script, nothing fetched.

It is built as a tree, so whatever a label says becomes text: there is no place where it could become markup. That, and
one page, is why there is no template engine here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from xml.etree import ElementTree

from .model import Amount, Chart, Fact, Finding, Report, Section, Status, Table, Unit
from .wording import say, say_status, say_time

Element = ElementTree.Element
Draw = Callable[[Chart, str], Element]
WITHOUT_CHARTS = "Charts are left out; pip install 'jackpot-exporter[report]' brings them."
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_NUMBERS = frozenset(Unit) - {Unit.TEXT, Unit.TIME}


def render_page(report: Report, draw: Draw | None) -> bytes:
    """The whole file; without `draw` it has no charts and says what brings them."""
    root = _element("html", *_head(report), lang="en")
    root.append(_element("body", *_body(report, draw)))
    content: bytes = ElementTree.tostring(root, encoding="utf-8", method="html")
    return b"<!doctype html>\n" + content + b"\n"


def _element(tag: str, *children: Element | str | None, **attributes: str) -> Element:
    """A tag with text and elements in their order; `class_` is `class`, and `_` in other names is `-`."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value}
    made = Element(tag, named)
    for child in children:
        if isinstance(child, str):
            _append_text(made, child)
        elif child is not None:
            made.append(child)
    return made


def _append_text(parent: Element, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def _head(report: Report) -> Iterator[Element]:
    yield _element(
        "head",
        Element("meta", {"charset": "utf-8"}),
        Element("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}),
        Element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        Element("meta", {"name": "color-scheme", "content": "light dark"}),
        _element("title", f"{title(report)}, {say_time(report.period.end)}"),
        _element("style", files(__package__).joinpath("style.css").read_text()),
    )


def title(report: Report) -> str:
    """As `Health: jackpot`."""
    of = ", ".join(filter(None, report.services))
    return f"{report.title}: {of}" if of else report.title


def _body(report: Report, draw: Draw | None) -> Iterator[Element]:
    period = f"{say_time(report.period.start)} to {say_time(report.period.end)} UTC"
    yield _element(
        "header",
        _element("h1", title(report)),
        _element("p", f"{period} ({say(report.period.seconds, Unit.SECONDS)})"),
        _element("p", "On the whole: ", _word(report.status)) if report.status else None,
    )
    main = _element("main", *_summary(report, draw))
    for number, section in enumerate(report.sections, 1):
        main.append(_section(section, f"s{number}", draw))
    yield main
    yield _element(
        "footer", _element("p", f"Made by jackpot-exporter at {say_time(report.made_at)} UTC. Times are UTC.")
    )


def _summary(report: Report, draw: Draw | None) -> Iterator[Element]:
    for source in report.sources:
        if source.problem:
            yield _remark(f"{source.name} did not answer everything: {source.problem}", "bad")
    for remark in report.remarks:
        yield _remark(remark, "look")
    if report.findings:
        yield _element("ul", *map(_finding, report.findings), class_="findings")
    elif report.is_complete:
        yield _element("p", "Nothing needs attention.")
    if draw is None:
        yield _remark(WITHOUT_CHARTS)
    links = (_element("li", _element("a", one.title, href=f"#{one.key}")) for one in report.sections)
    yield _element("nav", _element("ul", *links), aria_label="Sections")


def _finding(finding: Finding) -> Element:
    return _element("li", _word(finding.status), " ", finding.text, class_=finding.status.value)


def _word(status: Status) -> Element:
    return _element("span", say_status(status), class_=f"word {status.value}")


def _section(section: Section, key: str, draw: Draw | None) -> Element:
    made = _element("section", _element("h2", section.title), id=section.key)
    if section.facts:
        made.append(_element("dl", *map(_fact, section.facts), class_="facts"))
    if draw is not None and section.charts:
        figures = (_figure(chart, f"{key}c{number}", draw) for number, chart in enumerate(section.charts, 1))
        made.append(_element("div", *figures, class_="charts"))
    for table in section.tables:
        made.extend(_table(table))
    made.extend(_remark(remark) for remark in section.remarks)
    return made


def _fact(fact: Fact) -> Element:
    said = say(fact.amount, fact.unit)
    word = _element("small", _word(fact.status)) if fact.status in {Status.LOOK, Status.BAD} else None
    remark = _element("small", fact.remark) if fact.remark else None
    value = _element("dd", said, word, remark, class_="none" if fact.amount is None else "")
    return _element("div", _element("dt", fact.name), value, class_=fact.status.value)


def _figure(chart: Chart, key: str, draw: Draw) -> Element:
    words = _element("p", chart.description, class_="none" if chart.is_empty else "")
    return _element("figure", _element("figcaption", chart.title), None if chart.is_empty else draw(chart, key), words)


def _table(table: Table) -> Iterator[Element]:
    if not table.rows:
        yield _element("p", _element("strong", f"{table.title}: "), _element("span", table.empty, class_="none"))
        return
    heads = (_element("th", one.title, scope="col", class_=_kind(one.unit)) for one in table.columns)
    body = _element("tbody", *(_row(table, row) for row in table.rows))
    yield _element("table", _element("caption", table.title), _element("thead", _element("tr", *heads)), body)
    if table.remark:
        yield _remark(table.remark)


def _row(table: Table, row: tuple[Amount, ...]) -> Element:
    cells = []
    for column, amount in zip(table.columns, row, strict=True):
        said = say(amount, column.unit)
        content = _element("span", said, class_="none") if amount is None else said or "\N{EN DASH}"
        cells.append(_element("td", content, class_=_kind(column.unit), data_label=column.title))
    return _element("tr", *cells)


def _kind(unit: Unit) -> str:
    return "number" if unit in _NUMBERS else ""


def _remark(text: str, status: str = "") -> Element:
    return _element("p", text, class_=f"remark word-{status}" if status else "remark")
