"""What is missing is said, in every format, and never shown as zero."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from harness.made_reports import DAY, Made, build
from harness.report_reading import chart, fact, rows
from jackpot_exporter.demo.process import free_port
from jackpot_exporter.demo.servers import PrometheusServer
from jackpot_exporter.report.document import render_json
from jackpot_exporter.report.kinds import Kind
from jackpot_exporter.report.markdown import render_markdown
from jackpot_exporter.report.model import Report, Unit
from jackpot_exporter.report.page import render_page
from jackpot_exporter.report.wording import say

NOBODY = "http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def empty(made: Made) -> Iterator[Callable[[Kind], Report]]:
    """Reports from a Prometheus that knows nothing."""
    with PrometheusServer({"scrape_configs": []}, version=3) as server:
        yield lambda kind: build(server.url, made.alertmanager.url, kind, time.time() // 60 * 60)


@pytest.fixture(scope="module")
def silent() -> Report:
    """From servers that are not there."""
    nobody = NOBODY.format(port=free_port())
    return build(nobody, nobody, Kind.HEALTH, time.time() // 60 * 60)


@pytest.mark.parametrize("kind", Kind)
def test_nothing_recorded_is_no_number(empty: Callable[[Kind], Report], kind: Kind) -> None:
    report = empty(kind)
    text = render_markdown(report).decode()

    numbers = [f"{part.key}: {one.name}" for part in report.sections for one in part.facts if one.amount is not None]
    drawn = [one.title for part in report.sections for one in part.charts if not one.is_empty]
    filled = [one.title for part in report.sections for one in part.tables if one.rows]

    assert {one for one in numbers if not one.startswith("alerts: ")} == set()
    assert drawn == filled == []
    assert report.is_complete
    assert report.remarks == ("Prometheus has recorded nothing of the namespace jackpot in this period.",)
    assert text.count("no data") + text.count("No data.") >= 5


def test_no_alert_in_an_empty_day_is_none(empty: Callable[[Kind], Report]) -> None:
    """That nothing fired is known: a zero, and a true one."""
    report = empty(Kind.HEALTH)

    assert fact(report, "alerts", "Incidents").amount == 0
    assert fact(report, "alerts", "Mean time until taken").amount == "nothing fired"


def test_servers_that_are_gone_are_named(silent: Report) -> None:
    problems = {source.name: source.problem for source in silent.sources}
    text = render_markdown(silent).decode()

    assert not silent.is_complete
    assert set(problems) == {"Prometheus", "Alertmanager"}
    assert all("127.0.0.1" in problem for problem in problems.values())
    assert fact(silent, "alerts", "Incidents").amount is None
    assert "Prometheus did not answer everything" in text
    assert "Nothing needs attention" not in text
    assert "Nothing fired" not in text


def test_a_server_that_is_gone_is_not_asked_again(silent: Report) -> None:
    """Each question would wait for its own refusal."""
    assert len({remark for part in silent.sections for remark in part.remarks if "could be asked" in remark}) == 1


def test_alertmanager_alone_is_gone(made: Made) -> None:
    report = build(made.prometheus.url, NOBODY.format(port=free_port()), Kind.HEALTH, made.end)

    found = rows(report, "alerts", "Incidents, the latest first")

    assert not report.is_complete
    assert {row["Taken after"] for row in found.values()} == {None}
    assert fact(report, "alerts", "Taken by someone").amount is None
    assert fact(report, "alerts", "Answered later than promised").amount is None
    assert fact(report, "errors", "Operations").amount is not None


def test_data_that_begin_later_shorten_the_period(report_of: Callable[..., Report]) -> None:
    report = report_of(Kind.CAPACITY, 30 * DAY)

    assert "Of the 30 d asked for, there is data only since" in report.remarks[0]
    assert 14 * DAY < report.period.seconds < 15.2 * DAY


def test_a_gap_is_told_and_drawn_as_a_gap(report_of: Callable[..., Report]) -> None:
    """Before the day there are only moments: most of those days is missing."""
    report = report_of(Kind.HEALTH, 2 * DAY)

    (line,) = chart(report, "database", "Size of the databases").series

    assert any("Nothing was recorded of demo for" in remark for remark in report.remarks)
    assert sum(value is None for _, value in line.points) > 100
    assert [value for _, value in line.points if value == 0] == []
    assert "no data at" in chart(report, "database", "Size of the databases").description


def test_families_that_are_not_there_are_no_data(report_of: Callable[..., Report]) -> None:
    health = report_of(Kind.HEALTH)

    for name in ("Deadlocks", "Rolled back", "The service's connections at most"):
        assert fact(health, "database", name).amount is None
    assert "- Deadlocks: **no data**" in render_markdown(health).decode()
    assert ">no data<" in render_page(health, None).decode()
    assert '"name": "Deadlocks",\n     "amount": null' in render_json(health).decode()


@pytest.mark.parametrize("unit", Unit)
def test_none_is_never_a_zero(unit: Unit) -> None:
    assert say(None, unit) == "no data"
    assert say(float("nan"), unit) == "no data"
