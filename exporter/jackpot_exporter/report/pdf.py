"""A report as PDF, to be filed and printed: fpdf2 lays out text and tables, the charts are pictures.

Why not matplotlib's own PdfPages: it draws pages and knows no lines, tables or page breaks; those would be ours to
write. fpdf2 is small, and needs little that matplotlib does not bring anyway. The letters are matplotlib's own.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
from fpdf import FPDF, FontFace

from .charts import draw_png
from .model import Chart, Fact, Report, Section, Status, Table, Unit
from .page import title
from .wording import say, say_status, say_time

_INK, _MUTED, _GRID = (31, 35, 40), (89, 99, 110), (209, 217, 224)
_STATUS = {Status.NONE: _INK, Status.GOOD: (26, 127, 56), Status.LOOK: (154, 103, 0), Status.BAD: (207, 34, 46)}
_FONT = "DejaVu"
_GAP = 6.0
_TEXTS = frozenset((Unit.TEXT, Unit.TIME))
_TEXT_WIDTH, _NUMBER_WIDTH = 3.0, 2.0


class _Document(FPDF):
    """A4 with the number of the page below."""

    def __init__(self, report: Report) -> None:
        super().__init__(format="A4")
        folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
        self.add_font(_FONT, "", folder / "DejaVuSans.ttf")
        self.add_font(_FONT, "B", folder / "DejaVuSans-Bold.ttf")
        self.set_title(title(report))
        self.set_creator("jackpot-exporter")
        self.set_creation_date(datetime.fromtimestamp(report.made_at, UTC))
        self.set_auto_page_break(auto=True, margin=15)
        self.set_draw_color(*_GRID)
        self.add_page()

    def footer(self) -> None:
        self.set_y(-12)
        self.set_font(_FONT, size=7)
        self.set_text_color(*_MUTED)
        self.cell(0, 5, f"{self.page_no()}", align="C")

    def say(
        self, text: str, size: float, colour: tuple[int, int, int] = _INK, *, is_bold: bool = False, after: float = 1
    ) -> None:
        """A paragraph."""
        self.set_font(_FONT, "B" if is_bold else "", size)
        self.set_text_color(*colour)
        self.multi_cell(0, size * 0.5, text, new_x="LMARGIN", new_y="NEXT")
        self.ln(after)

    def keep(self, height: float) -> None:
        """Begin a page when so much does not fit on this one."""
        if self.will_page_break(height):
            self.add_page()


def render_pdf(report: Report, on_chart: Callable[[], None] = lambda: None) -> bytes:
    document = _Document(report)
    document.say(title(report), 18, is_bold=True)
    period = f"{say_time(report.period.start)} to {say_time(report.period.end)} UTC"
    document.say(f"{period} ({say(report.period.seconds, Unit.SECONDS)})", 9, _MUTED, after=3)
    for source in report.sources:
        if source.problem:
            document.say(f"{source.name} did not answer everything: {source.problem}", 9, _STATUS[Status.BAD])
    for remark in report.remarks:
        document.say(remark, 9, _STATUS[Status.LOOK])
    for finding in report.findings:
        document.say(f"{say_status(finding.status)}: {finding.text}", 9, _STATUS[finding.status])
    if not report.findings and report.is_complete:
        document.say("Nothing needs attention.", 9)
    for section in report.sections:
        _add_section(document, section, on_chart)
    document.say(f"Made by jackpot-exporter at {say_time(report.made_at)} UTC. Times are UTC.", 7, _MUTED)
    return bytes(document.output())


def _add_section(document: _Document, section: Section, on_chart: Callable[[], None]) -> None:
    document.keep(40)
    document.ln(3)
    document.say(section.title, 13, is_bold=True, after=2)
    if section.facts:
        _add_facts(document, section.facts)
    charts = [chart for chart in section.charts if not chart.is_empty]
    for left, right in zip(charts[::2], [*charts[1::2], None], strict=False):
        drawn = [left, right] if right else [left]
        _add_charts(document, drawn)
        for _ in drawn:
            on_chart()
    for table in section.tables:
        _add_table(document, table)
    for remark in section.remarks:
        document.say(remark, 7, _MUTED)


def _add_facts(document: _Document, facts: tuple[Fact, ...]) -> None:
    """Two beside each other: name and amount."""
    document.set_font(_FONT, size=8)
    with document.table(
        borders_layout="HORIZONTAL_LINES", first_row_as_headings=False, col_widths=(3, 2, 3, 2), line_height=5
    ) as laid:
        for number in range(0, len(facts), 2):
            row = laid.row()
            for fact in facts[number : number + 2]:
                word = f" ({say_status(fact.status)})" if fact.status in {Status.LOOK, Status.BAD} else ""
                row.cell(fact.name, style=FontFace(color=_MUTED))
                row.cell(f"{say(fact.amount, fact.unit)}{word}", style=FontFace(color=_STATUS[fact.status]))
            if len(facts[number : number + 2]) == 1:
                row.cell("")
                row.cell("")
    document.ln(3)


def _add_charts(document: _Document, charts: list[Chart]) -> None:
    """Beside each other, on one page."""
    width = (document.epw - _GAP) / 2
    pictures = [io.BytesIO(draw_png(chart)) for chart in charts]
    document.keep(70)
    top, lowest = document.get_y(), 0.0
    for number, (chart, picture) in enumerate(zip(charts, pictures, strict=True)):
        left = document.l_margin + number * (width + _GAP)
        document.set_xy(left, top)
        document.set_font(_FONT, "B", 8)
        document.set_text_color(*_INK)
        document.multi_cell(width, 4, chart.title, new_x="LEFT", new_y="NEXT", align="L")
        placed = document.image(picture, x=left, y=document.get_y(), w=width, alt_text=chart.description)
        lowest = max(lowest, document.get_y(), placed.rendered_height + document.get_y())
    document.set_xy(document.l_margin, lowest + 2)


def _add_table(document: _Document, table: Table) -> None:
    if not table.rows:
        document.say(f"{table.title}: {table.empty}", 8, _MUTED)
        return
    document.keep(20)
    document.say(table.title, 9, is_bold=True)
    document.set_font(_FONT, size=7)
    document.set_text_color(*_INK)
    columns = table.columns
    widths = tuple(_TEXT_WIDTH if column.unit in _TEXTS else _NUMBER_WIDTH for column in columns)
    alignments = tuple("LEFT" if column.unit in _TEXTS else "RIGHT" for column in columns)
    heading = FontFace(emphasis="BOLD", color=_MUTED)
    with document.table(
        borders_layout="HORIZONTAL_LINES",
        col_widths=widths,
        text_align=alignments,
        line_height=4,
        headings_style=heading,
        padding=0.6,
    ) as laid:
        laid.row([column.title for column in columns])
        for row in table.rows:
            laid.row([say(amount, column.unit) for column, amount in zip(columns, row, strict=True)])
    document.ln(2)
    if table.remark:
        document.say(table.remark, 7, _MUTED)
