"""The page is one file, well formed, and whatever a label says stays text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from harness.made_day import HOSTILE
from jackpot_exporter.report.answers import clean
from jackpot_exporter.report.charts import VARIABLES, draw_png, draw_svg
from jackpot_exporter.report.document import render_json
from jackpot_exporter.report.kinds import Kind
from jackpot_exporter.report.markdown import render_markdown
from jackpot_exporter.report.model import Bar, Chart, Report, Series, Shape, Threshold, Unit
from jackpot_exporter.report.page import WITHOUT_CHARTS, render_page
from jackpot_exporter.report.pdf import render_pdf

_VOID = {"meta", "br", "hr", "img", "input", "link"}
_NAMES = ("_hidden", "$x_{2}$", "</text><script>", 'a"b', "&amp;", "x" * 300, "")


class Reader(HTMLParser):
    """Collects what a test asks about, and fails on tags that do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: bytes) -> Reader:
    reader = Reader()
    reader.feed(page.decode())
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def content(report_of: Callable[..., Report]) -> bytes:
    """With charts; drawn once, because it takes a second."""
    return render_page(report_of(Kind.HEALTH), draw_svg)


@pytest.fixture(scope="module")
def page(content: bytes) -> Reader:
    return read(content)


def test_it_is_well_formed(page: Reader) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    referred = [value for _, attributes in page.tags for value in _references(attributes)]

    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert len(ids) == len(set(ids))
    assert referred
    assert set(referred) <= set(ids)
    assert [tag for tag, _ in page.tags].count("svg") >= 10


def _references(attributes: dict[str, str | None]) -> list[str]:
    found = (attributes.get("aria-labelledby") or "").split()
    for value in attributes.values():
        found += re.findall(r"^#([\w-]+)$|url\(#([\w-]+)\)", value or "") and re.findall(r"#([\w-]+)\)?$", value or "")
    return found


def test_it_refers_to_nothing_outside(page: Reader) -> None:
    outside = [
        (tag, name, value)
        for tag, attributes in page.tags
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "action", "data", "poster", "background"}
        and not (value or "").startswith("#")
    ]
    style = "".join(page.text)

    assert outside == []
    assert {"script", "link", "iframe", "img", "object", "base"} & {tag for tag, _ in page.tags} == set()
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "@import" not in style
    assert "url(" not in style


def test_a_hostile_label_is_text_everywhere(report_of: Callable[..., Report]) -> None:
    report = report_of(Kind.HEALTH)
    page = render_page(report, None)

    assert b"<script" not in page
    assert HOSTILE in read(page).text
    assert "\\<script\\>" in render_markdown(report).decode()
    assert "<script" not in re.sub(r"\\<", "", render_markdown(report).decode())
    names = [
        row[0]
        for part in json.loads(render_json(report))["sections"]
        for table in part["tables"]
        for row in table["rows"]
    ]
    assert HOSTILE in names


def test_every_chart_has_words_and_an_axis_with_a_unit(report_of: Callable[..., Report], page: Reader) -> None:
    report = report_of(Kind.HEALTH)
    charts = [one for part in report.sections for one in part.charts if not one.is_empty]
    units = {"percent", "dollars", "milliseconds", "GiB", "number", "a second"}

    assert len(charts) >= 10
    assert all(len(chart.description) > 10 for chart in charts)
    assert {word for chart in charts for word in (chart.title, chart.description)} <= set(page.text)
    assert units <= set(page.text)


@pytest.mark.parametrize("name", _NAMES, ids=range(len(_NAMES)))
@pytest.mark.parametrize("shape", Shape)
def test_a_chart_takes_any_name(shape: Shape, name: str) -> None:
    series = (Series(name, ((0.0, 1.0), (60.0, None), (120.0, 3.0))),)
    chart = Chart("t", shape, Unit.COUNT, "d", 0, 120, series, (Bar(name, 0, 60),), (Threshold(name, 2),))

    svg = draw_svg(chart, "c")

    shown = [text.text for text in svg.iter("text")]
    assert not list(svg.iter("script"))
    if name and shape is not Shape.LEVELS:
        assert any((text or "").startswith(name[:5]) for text in shown)


def test_its_colours_follow_the_page(content: bytes) -> None:
    """Dark and light: the pictures use the variables that the style sets, and no colour of their own."""
    page = content.decode()
    style = page.partition("<style>")[2].partition("</style>")[0]
    pictures = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))

    used = set(re.findall(r"var\((--[\w-]+)\)", pictures))

    assert "--line-1" in used
    assert used <= set(VARIABLES.values())
    assert all(style.count(f"{variable}:") == 2 for variable in used)
    assert set(re.findall(r"(?:fill|stroke): (#\w+)", pictures)) == set()


def test_the_same_chart_is_drawn_the_same() -> None:
    chart = Chart("t", Shape.LINES, Unit.BYTES, "d", 0, 60, (Series("a", ((0.0, 1.0), (60.0, 2.0))),))

    assert ElementTree.tostring(draw_svg(chart, "c")) == ElementTree.tostring(draw_svg(chart, "c"))


def test_without_the_extra_it_says_what_brings_charts(report_of: Callable[..., Report]) -> None:
    page = render_page(report_of(Kind.HEALTH), None).decode()

    assert WITHOUT_CHARTS in page
    assert "<svg" not in page
    assert "By operation, slowest first" in page


def test_pdf_takes_what_a_label_says(report_of: Callable[..., Report]) -> None:
    report = report_of(Kind.HEALTH)
    kept = tuple(one for one in report.sections if one.key in {"errors", "pools"})

    content = render_pdf(replace(report, sections=kept))

    assert content.startswith(b"%PDF-1.")
    assert content.count(b"/Subtype /Image") >= 3


def test_pictures_of_a_pdf_are_drawn_as_for_paper() -> None:
    chart = Chart("t", Shape.LINES, Unit.BYTES, "d", 0, 60, (Series("a", ((0.0, 1.0), (60.0, 2.0))),))

    assert draw_png(chart).startswith(b"\x89PNG")


def test_an_empty_chart_is_words(report_of: Callable[..., Report]) -> None:
    report = report_of(Kind.HEALTH)
    first = report.sections[0]
    hollow = Chart("Hollow", Shape.LINES, Unit.COUNT, "There is no data.", 0, 60, (Series("a", ((0.0, None),)),))

    page = render_page(replace(report, sections=(replace(first, charts=(hollow,)),)), draw_svg).decode()

    assert "<svg" not in page
    assert "There is no data." in page


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x85", "\u202e", "\ufffe", "\ud800"])
def test_characters_that_break_documents_are_replaced(character: str) -> None:
    assert clean(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_json_is_json(report_of: Callable[..., Report]) -> None:
    document = json.loads(render_json(report_of(Kind.HEALTH)), parse_constant=pytest.fail)

    assert document["kind"] == "health"
    assert document["period"]["end"] - document["period"]["start"] == 86400
    assert {fact["unit"] for part in document["sections"] for fact in part["facts"]} <= set(Unit)


def test_svg_elements_can_be_read_again() -> None:
    chart = Chart("t", Shape.SPANS, Unit.TIME, "d", 0, 3600, bars=(Bar("a & b", 0, 60),))

    assert ElementTree.fromstring(ElementTree.tostring(draw_svg(chart, "c"))).tag == "svg"
