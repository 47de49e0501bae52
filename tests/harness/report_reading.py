"""Finding a fact, a row or a chart in a report by its name."""

from __future__ import annotations

from jackpot_exporter.report.model import Amount, Chart, Fact, Report, Section


def section(report: Report, key: str) -> Section:
    (found,) = [one for one in report.sections if one.key == key]
    return found


def fact(report: Report, key: str, name: str) -> Fact:
    (found,) = [one for one in section(report, key).facts if one.name == name]
    return found


def amount(report: Report, key: str, name: str) -> float:
    """The number of a fact, which must be one."""
    found = fact(report, key, name).amount
    assert isinstance(found, float | int), f"{key}: {name} is {found!r}"
    return found


def rows(report: Report, key: str, title: str) -> dict[Amount, dict[str, Amount]]:
    """The rows of a table by their first cell, each by the titles of its columns."""
    (table,) = [one for one in section(report, key).tables if one.title == title]
    names = [column.title for column in table.columns]
    return {row[0]: dict(zip(names, row, strict=True)) for row in table.rows}


def chart(report: Report, key: str, title: str) -> Chart:
    (found,) = [one for one in section(report, key).charts if one.title == title]
    return found
