"""A report as Markdown, and its summary as plain text for messages. Charts are told in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .model import Amount, Chart, Report, Section, Status, Table, Unit
from .page import title
from .wording import say, say_status, say_time

_SPECIAL = re.compile(r"([\\`*\[\]<>|~$!#]|(?<![^\W_])_|_(?![^\W_]))")
_TEXTS = frozenset((Unit.TEXT, Unit.TIME))


def render_markdown(report: Report) -> bytes:
    return ("\n".join(_document(report)).rstrip() + "\n").encode()


def summary(report: Report) -> str:
    """A few lines: what the report is about, and what needs attention."""
    return "\n".join([title(report), *_state(report)])


def _state(report: Report) -> list[str]:
    lines = [f"{say_time(report.period.start)} to {say_time(report.period.end)} UTC"]
    lines += [f"{one.name} did not answer everything: {one.problem}" for one in report.sources if one.problem]
    lines += report.remarks
    lines += [f"- {say_status(one.status)}: {one.text}" for one in report.findings]
    if not report.findings and report.is_complete:
        lines.append("Nothing needs attention.")
    return lines


def _document(report: Report) -> Iterator[str]:
    yield f"# {_text(title(report))}"
    yield ""
    told = _spaced(_state(report))
    yield from (f"- {_text(line[2:])}" if line.startswith("- ") else _text(line) for line in told)
    for section in report.sections:
        yield from _section(section)
    yield f"Made by jackpot-exporter at {say_time(report.made_at)} UTC. Times are UTC."


def _spaced(lines: list[str]) -> Iterator[str]:
    """A list needs an empty line before it, and so does a paragraph."""
    before = "- "
    for line in lines:
        if not (line.startswith("- ") and before.startswith("- ")):
            yield ""
        yield line
        before = line
    yield ""


def _section(section: Section) -> Iterator[str]:
    yield f"## {_text(section.title)}"
    yield ""
    for fact in section.facts:
        status = f" ({say_status(fact.status)})" if fact.status in {Status.LOOK, Status.BAD} else ""
        remark = f"; {fact.remark}" if fact.remark else ""
        yield f"- {_text(fact.name)}: **{_text(say(fact.amount, fact.unit))}**{status}{_text(remark)}"
    if section.facts:
        yield ""
    for chart in section.charts:
        yield from _chart(chart)
    for table in section.tables:
        yield from _table(table)
    for remark in section.remarks:
        yield from (_text(remark), "")


def _chart(chart: Chart) -> Iterator[str]:
    yield f"{_text(chart.title)}: {_text(chart.description)}"
    yield ""


def _table(table: Table) -> Iterator[str]:
    if not table.rows:
        yield from (f"{_text(table.title)}: {_text(table.empty)}", "")
        return
    yield from (f"### {_text(table.title)}", "")
    yield _row(_text(column.title) for column in table.columns)
    yield _row(" --- " if column.unit in _TEXTS else " ---: " for column in table.columns)
    for row in table.rows:
        yield _row(_cell(amount, column.unit) for column, amount in zip(table.columns, row, strict=True))
    yield ""
    if table.remark:
        yield from (_text(table.remark), "")


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cell.strip() for cell in cells)} |"


def _cell(amount: Amount, unit: Unit) -> str:
    return _text(say(amount, unit))


def _text(text: str) -> str:
    """Text that stays text."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
