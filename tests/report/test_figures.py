"""Every figure of a report is the one that adding up the same samples gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.back_filled import BackFilledPrometheus
from harness.made_day import (
    BACKUP,
    DAY,
    HOSTILE,
    HOUR,
    MINUTE,
    OPERATIONS,
    POOLS,
    STILL_FIRING,
    increase,
    paid_until,
    quantile,
    won_until,
)
from harness.made_reports import Made, build
from harness.report_reading import amount, chart, fact, rows
from jackpot_exporter.report.kinds import Kind
from jackpot_exporter.report.model import Report, Status


@pytest.fixture(scope="module")
def health(report_of: Callable[..., Report]) -> Report:
    return report_of(Kind.HEALTH)


def total(made: Made, name: str, **labels: str) -> float:
    """What the counters with this name and these labels grew by, together."""
    return sum(increase(points) for _, points in made.day.select(name, **labels))


def test_reachability(made: Made, health: Report) -> None:
    up = [value for _, value in made.day.one("jackpot_up")]

    assert amount(health, "state", "Reachable") == pytest.approx(sum(up) / len(up))
    assert amount(health, "state", "Not reachable for") == pytest.approx((1 - sum(up) / len(up)) * DAY)
    assert fact(health, "state", "At the end").amount == "healthy"
    assert fact(health, "state", "Version").amount == "1.4.2"
    assert amount(health, "state", "Restarts") == 1
    assert fact(health, "state", "Collectors without failure").amount == "2 of 3"


@pytest.mark.parametrize("dependency", ["database", "cache"])
def test_dependencies(made: Made, health: Report, dependency: str) -> None:
    up = [value for _, value in made.day.one("jackpot_dependency_up", dependency=dependency)]
    seconds = [value for _, value in made.day.one("jackpot_dependency_response_seconds", dependency=dependency)]

    row = rows(health, "state", "What it depends on")[dependency]

    assert row["At the end"] == "up"
    assert row["Reachable"] == pytest.approx(sum(up) / len(up))
    assert row["Mean answer"] == pytest.approx(sum(seconds) / len(seconds))
    assert row["Slowest answer"] == max(seconds)


def test_errors(made: Made, health: Report) -> None:
    count = total(made, "jackpot_operations_total")
    bad = sum(total(made, "jackpot_operations_total", outcome=outcome) for outcome in ("error", "timeout"))

    assert bad > 500
    assert amount(health, "errors", "Operations") == pytest.approx(count)
    assert amount(health, "errors", "Failed or timed out") == pytest.approx(bad)
    assert amount(health, "errors", "Share of them") == pytest.approx(bad / count)
    assert amount(health, "errors", "Errors in the log") == pytest.approx(
        total(made, "jackpot_log_messages_total", level="ERROR")
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_outcomes_by_operation(made: Made, health: Report, operation: str) -> None:
    names = {"Succeeded": "success", "Failed": "error", "Timed out": "timeout"}

    row = rows(health, "errors", "By operation")[operation]

    for column, outcome in names.items():
        expected = total(made, "jackpot_operations_total", operation=operation, outcome=outcome)
        assert row[column] == pytest.approx(expected)


def test_kinds_of_error(made: Made, health: Report) -> None:
    found = rows(health, "errors", "Kinds of error in the log")

    assert set(found) == {"pool_locked", HOSTILE}
    for kind, row in found.items():
        assert row["Count"] == pytest.approx(total(made, "jackpot_errors_total", type=str(kind)))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_latency(made: Made, health: Report, operation: str) -> None:
    buckets = {
        float(labels["le"]): increase(points)
        for labels, points in made.day.select("jackpot_operation_duration_seconds_bucket", operation=operation)
    }
    count = total(made, "jackpot_operation_duration_seconds_count", operation=operation)
    seconds = total(made, "jackpot_operation_duration_seconds_sum", operation=operation)

    row = rows(health, "operations", "By operation, slowest first")[operation]

    assert row["Count"] == pytest.approx(count)
    assert row["Mean"] == pytest.approx(seconds / count)
    assert row["Half within"] == pytest.approx(quantile(0.5, buckets))
    assert row["95 % within"] == pytest.approx(quantile(0.95, buckets))
    assert row["99 % within"] == pytest.approx(quantile(0.99, buckets))


def test_the_slowest_operation_is_first(health: Report) -> None:
    found = [row["95 % within"] for row in rows(health, "operations", "By operation, slowest first").values()]

    assert found == sorted(found, key=lambda value: -float(value or 0))


def test_objectives(made: Made, health: Report) -> None:
    found = rows(health, "objectives", "By objective")
    count = total(made, "jackpot_operations_total")
    timeouts = total(made, "jackpot_operations_total", outcome="timeout")
    slow = total(made, "jackpot_operation_duration_seconds_count", operation="contribution") - total(
        made, "jackpot_operation_duration_seconds_bucket", operation="contribution", le="0.1"
    )
    cache = [value for _, value in made.day.one("jackpot_dependency_up", dependency="cache")]
    expected = {
        "operations without timeouts": (timeouts, count, 0.0001),
        "contributions within 100 ms": (slow, float(14400 * 60), 0.05),
        "the availability of the cache": (cache.count(0), len(cache), 0.01),
    }

    for title, (bad, events, budget) in expected.items():
        row = found[title]
        assert row["Bad"] == pytest.approx(bad)
        assert row["Events"] == pytest.approx(events)
        assert row["Kept"] == pytest.approx(1 - bad / events)
        assert row["Budget used"] == pytest.approx(bad / events / budget)
        assert row["Left of 30 days"] == pytest.approx(1 - bad / events / budget)


def test_incidents(made: Made, health: Report) -> None:
    """Two alerts of one incident are one; the silence made while it fired is its acknowledgement."""
    began = {
        name: made.end - DAY + minute * MINUTE
        for name, minute in {
            "JackpotServiceDown": 1086,
            "JackpotErrorRatio": 1083,
            "JackpotCacheDown": STILL_FIRING,
        }.items()
    }

    found = rows(health, "alerts", "Incidents, the latest first")

    assert {name: row["Began"] for name, row in found.items()} == began
    assert found["JackpotServiceDown"]["Over after"] == 10 * MINUTE
    assert found["JackpotErrorRatio"]["Over after"] == 37 * MINUTE
    assert found["JackpotErrorRatio"]["Severity"] == "critical P1"
    assert found["JackpotCacheDown"]["Over after"] == "still firing"
    assert found["JackpotCacheDown"]["Taken after"] == pytest.approx(
        made.taken_at - began["JackpotCacheDown"], abs=0.01
    )
    assert found["JackpotCacheDown"]["By"] == "ada"
    assert amount(health, "alerts", "Mean time until over") == 23.5 * MINUTE
    assert amount(health, "alerts", "Mean time until taken") == found["JackpotCacheDown"]["Taken after"]
    assert amount(health, "alerts", "Answered later than promised") == 1  # P1 within 15 min; one was over before


def test_money(made: Made, health: Report) -> None:
    start, end = made.end - DAY, made.end
    paid = sum(paid_until(end, end, pool) - paid_until(start, end, pool) for pool in POOLS)
    weeks = [
        sum(paid_until(end - w * DAY * 7, end, pool) - paid_until(start - w * DAY * 7, end, pool) for pool in POOLS)
        for w in (1, 2)
    ]
    wins = sum(won_until(end, end, pool) - won_until(start, end, pool) for pool in POOLS)
    usual_wins = sum(won_until(start, end, pool) - won_until(start - 6 * DAY, end, pool) for pool in POOLS) / 6

    assert amount(health, "pools", "Pools") == len(POOLS)
    assert amount(health, "pools", "Paid in") == paid
    assert amount(health, "pools", "Usual") == sum(weeks) / 2
    assert amount(health, "pools", "Wins") == wins == usual_wins + 3
    assert amount(health, "pools", "Usual wins") == usual_wins
    held = {pool: made.day.one("jackpot_pool_amount_cents", pool=pool)[-1][1] for pool in POOLS}
    assert amount(health, "pools", "In all pools") == sum(held.values())
    found = rows(health, "pools", "Largest pools")
    assert {pool: row["Stands at"] for pool, row in found.items()} == held
    for pool in POOLS:
        assert found[pool]["Paid in"] == paid_until(end, end, pool) - paid_until(start, end, pool)


def test_money_by_hour(made: Made, health: Report) -> None:
    """Each point is what was paid in since the one before."""
    drawn = {one.name: one for one in chart(health, "pools", "Paid in, by hour").series}

    assert len(drawn["now"].points) == 24
    for at, value in drawn["now"].points:
        moment = round(at)
        expected = sum(paid_until(moment, made.end, p) - paid_until(moment - HOUR, made.end, p) for p in POOLS)
        assert value == expected
    assert [value for _, value in drawn["a week before"].points] == [value for _, value in drawn["now"].points]


def test_database(made: Made, health: Report) -> None:
    sizes = [made.day.one("pg_database_size_bytes", datname=name) for name in ("jackpot", "postgres")]
    connections = [value for _, value in made.day.one("pg_connections")]
    pings = [value for _, value in made.day.one("jackpot_database_ping_seconds")]

    assert amount(health, "database", "Size") == sum(points[-1][1] for points in sizes)
    assert amount(health, "database", "Growth") == sum(points[-1][1] - points[0][1] for points in sizes)
    assert amount(health, "database", "Connections at most, of the limit") == max(connections) / 97
    assert amount(health, "database", "Mean round trip") == pytest.approx(sum(pings) / len(pings))
    assert amount(health, "database", "95 % of round trips within") == pytest.approx(float(np.quantile(pings, 0.95)))
    assert amount(health, "database", "Read from cache") == pytest.approx(0.99)


def test_statements_and_indexes(made: Made, report_of: Callable[..., Report]) -> None:
    performance = report_of(Kind.PERFORMANCE)

    statements = rows(performance, "statements", "Statements that took most time")

    assert [str(text)[:6] for text in statements] == ["select", "update", "select"]
    for text, query in {"update jackpots set current_amount = $1": "11", "select 1": "33"}.items():
        seconds = total(made, "pg_stat_statements_seconds_total", queryid=query)
        calls = total(made, "pg_stat_statements_calls_total", queryid=query)
        assert statements[text]["Time"] == pytest.approx(seconds)
        assert statements[text]["Calls"] == pytest.approx(calls)
        assert statements[text]["Mean"] == pytest.approx(seconds / calls)
        assert statements[text]["Remark"] == ""
    assert statements[f"select '{HOSTILE}'"]["Remark"] == "slow: above 100 ms"
    assert set(rows(performance, "statements", "Indexes not read in this period")) == {"jackpots_old"}
    assert amount(performance, "statements", "Indexes never read") == 2


def test_backups(made: Made, health: Report) -> None:
    row = rows(health, "backups", "By backup")["nightly"]

    assert amount(health, "backups", "Age of nightly") == DAY - BACKUP * MINUTE
    assert row["Made in this period"] == 1
    assert row["Change of size"] == 1024**3 // 8
    assert row["Took"] == 754
    assert row["Could be read"] == "yes"


def test_the_disk_is_forecast(made: Made, health: Report) -> None:
    """By its rule it is full fifteen days after the end; the error is that of an independent fit."""
    models = [row for name, row in _models(health) if name == "Disk of the database"]

    day = np.datetime64(made.end + 15 * DAY, "s").astype("datetime64[D]")
    for row in models:
        assert abs(np.datetime64(str(row["Runs out"])) - day) <= np.timedelta64(1, "D")
    linear = next(row for row in models if row["Model"] == "linear")
    expected = _held_back_error(made)
    assert float(str(linear["Of the mean"])) == pytest.approx(expected, rel=1e-6)


def _models(report: Report) -> list[tuple[object, dict[str, object]]]:
    (section,) = [one for one in report.sections if one.key == "capacity"]
    (table,) = [one for one in section.tables if one.title == "The models compared"]
    names = [column.title for column in table.columns]
    return [(row[0], dict(zip(names, row, strict=True))) for row in table.rows]


def _held_back_error(made: Made) -> float:
    """Of a line through the first three quarters of the hours, on the last quarter, as a share of its mean."""
    size = 100 * 1024**3
    known = {
        at: size - value
        for samples in (made.history, made.day)
        for at, value in samples.one("jackpot_database_disk_avail_bytes")
        if (made.end - at) % HOUR == 0
    }
    times, used = np.array(sorted(known)), np.array([known[at] for at in sorted(known)])
    cut = round(len(times) * 0.75)
    slope, level = np.polyfit(times[:cut] - times[0], used[:cut], 1)
    held = used[cut:]
    return float(np.mean(np.abs(level + slope * (times[cut:] - times[0]) - held)) / np.mean(held))


def test_what_needs_attention_is_told_first(health: Report) -> None:
    told = " ".join(finding.text for finding in health.findings)

    assert health.status is Status.BAD
    assert health.findings[0].status is Status.BAD
    assert "JackpotCacheDown has been firing for 10 min, taken by ada." in told
    assert "The service was reachable 99.31 % of the time." in told


def test_older_prometheus_gives_the_same(made: Made, health: Report) -> None:
    with BackFilledPrometheus(made.blocks, version=None) as older:
        other = build(older.url, made.alertmanager.url, Kind.HEALTH, made.end)

    for ours, theirs in zip(health.sections, other.sections, strict=True):
        assert [one.name for one in ours.facts] == [one.name for one in theirs.facts]
        for one, another in zip(ours.facts, theirs.facts, strict=True):
            expected = pytest.approx(one.amount) if isinstance(one.amount, float) else one.amount
            assert another.amount == expected, f"{ours.key}: {one.name}"


def test_one_service_of_several(report_of: Callable[..., Report]) -> None:
    absent = report_of(Kind.HEALTH, DAY, "another")

    assert absent.services == ()
    assert fact(absent, "errors", "Operations").amount is None
    assert rows(absent, "objectives", "By objective") == {}
