"""Text of both formats, read back by prometheus_client's parsers and by promtool."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from jackpot_exporter import tools
from jackpot_exporter.exposition import END, Family, Format, Known, document, merge, render, render_now
from jackpot_exporter.model import (
    Bucket,
    Column,
    Exemplar,
    Frame,
    Histogram,
    Sample,
    Summary,
    counter,
    gauge,
    histogram,
    summary,
    untyped,
)

AMOUNT = gauge("pool_amount_cents", "What the pool holds.", "pool", own=True)
WINS = counter("wins_total", "Wins.", "pool", own=True)
HITS = counter("pg_stat_database_blks_hit", "A counter whose name has no _total.", "datname")
SECONDS = histogram("operation_duration_seconds", "Time of an operation.", "operation", own=True)
LATENCY = summary("redis_latency_percentiles_usec", "Latency.", "cmd")
PGPGIN = untyped("node_vmstat_pgpgin", "Pages.")


def text_of(families: Iterable[Family], fmt: Format) -> str:
    return (document(families, fmt) + END[fmt]).decode()


def parsed(items: list[Sample], fmt: Format = Format.TEXT) -> dict[str, Metric]:
    text = text_of(render_now(items, "jackpot").values(), fmt)
    parse = text_string_to_metric_families if fmt is Format.TEXT else openmetrics.text_string_to_metric_families
    return {family.name: family for family in parse(text)}


def test_own_families_carry_the_namespace() -> None:
    text = text_of(render_now([AMOUNT.sample(5, "mega")], "poker").values(), Format.TEXT)

    assert text == (
        "# HELP poker_pool_amount_cents What the pool holds.\n"
        "# TYPE poker_pool_amount_cents gauge\n"
        'poker_pool_amount_cents{pool="mega"} 5\n'
    )


@given(st.text(), st.floats() | st.integers())
def test_any_label_and_any_value_survive_both_formats(label: str, value: float) -> None:
    for fmt in Format:
        found = parsed([AMOUNT.sample(value, label)], fmt)["jackpot_pool_amount_cents"].samples[0]

        assert found.labels == {"pool": label.encode("utf-8", "replace").decode()}
        shown = float_or_infinite(found.value)
        assert shown == float_or_infinite(value) or (math.isnan(value) and math.isnan(shown))


def float_or_infinite(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(2**53 - 1, 2**53 - 1, id="the last exact one"),
        pytest.param(2**53, 0, id="wraps to zero"),
        pytest.param(2**53 + 7, 7, id="goes on exactly"),
        pytest.param(2**63 + 7, 7, id="far beyond"),
    ],
)
def test_a_counter_is_exact_modulo_2_to_53(value: int, shown: int) -> None:
    assert parsed([WINS.sample(value, "mega")])["jackpot_wins"].samples[0].value == shown


def test_openmetrics_names_a_counter_without_its_suffix() -> None:
    text = text_of(render_now([WINS.sample(1, "mega")], "jackpot").values(), Format.OPENMETRICS)

    assert "# TYPE jackpot_wins counter\n" in text
    assert 'jackpot_wins_total{pool="mega"} 1\n' in text


def test_a_field_counter_without_suffix_keeps_its_name_in_openmetrics() -> None:
    text = text_of(render_now([HITS.sample(1, "app")], "jackpot").values(), Format.OPENMETRICS)

    assert "# TYPE pg_stat_database_blks_hit unknown\n" in text
    assert 'pg_stat_database_blks_hit{datname="app"} 1\n' in text


def test_exemplars_are_in_openmetrics_only() -> None:
    exemplar = Exemplar((("correlation_id", "c-1"),), 0.07, 1_700_000_000.5)
    value = Histogram((Bucket(0.05, 1), Bucket(0.1, 2, exemplar), Bucket(math.inf, 2)), 0.1)
    families = render_now([SECONDS.sample(value, "win")], "jackpot").values()

    line = 'jackpot_operation_duration_seconds_bucket{operation="win",le="0.1"} 2'

    assert f"{line}\n" in text_of(families, Format.TEXT)
    wanted = f'{line} # {{correlation_id="c-1"}} 0.07 1700000000.500\n'
    assert wanted in text_of(families, Format.OPENMETRICS)


def test_an_exemplar_too_long_for_the_format_is_left_out() -> None:
    exemplar = Exemplar((("correlation_id", "c" * 120),), 0.07)
    value = Histogram((Bucket(math.inf, 2, exemplar),), 0.1)

    assert " # {" not in text_of(render_now([SECONDS.sample(value, "win")], "jackpot").values(), Format.OPENMETRICS)


def test_a_value_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="comes twice"):
        render_now([AMOUNT.sample(1, "mega"), AMOUNT.sample(2, "mega")], "jackpot")


def test_a_family_with_two_types_is_refused() -> None:
    with pytest.raises(ValueError, match="comes as"):
        render_now([gauge("x", "").sample(1), counter("x", "").sample(1)], "jackpot")


def test_a_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="has labels"):
        AMOUNT.sample(1)


async def test_a_frame_gives_the_same_lines_as_samples() -> None:
    frame = Frame([("a",), ("b",)], (Column(AMOUNT, [1, None]), Column(WINS, [2, 3])))
    samples = [AMOUNT.sample(1, "a"), WINS.sample(2, "a"), WINS.sample(3, "b")]

    framed = await render([frame], "jackpot")

    assert framed == render_now(samples, "jackpot")


@pytest.mark.parametrize("values", [[], [None, None]], ids=["no rows", "nothing but NULL"])
async def test_an_empty_column_gives_no_line(values: list[None]) -> None:
    rows = [(str(number),) for number in range(len(values))]

    families = await render([Frame(rows, (Column(AMOUNT, values),))], "jackpot")

    assert [family.body for family in families.values()] == [b""]


async def test_a_row_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r'jackpot_pool_amount_cents\{pool="a"\} comes twice'):
        await render([Frame([("a",), ("b",), ("a",)], (Column(AMOUNT, [1, 2, 3]),))], "jackpot")


@given(st.lists(st.floats() | st.integers() | st.none(), max_size=8))
async def test_any_column_gives_the_lines_of_its_samples(values: list[float | int | None]) -> None:
    rows = [(str(number),) for number in range(len(values))]
    for spec in (AMOUNT, WINS):
        samples = [spec.sample(v, *row) for row, v in zip(rows, values, strict=True) if v is not None]

        framed = await render([Frame(rows, (Column(spec, values),))], "jackpot")

        assert [f.body for f in framed.values()] == [
            f.body for f in render_now(samples, "jackpot").values()
        ] or not samples


def test_merged_parts_keep_the_first_of_equal_series() -> None:
    up = gauge("dependency_up", "", "dependency", own=True)
    parts = [
        render_now([up.sample(1, "database")], "jackpot")["jackpot_dependency_up"],
        render_now([up.sample(0, "database"), up.sample(1, "cache")], "jackpot")["jackpot_dependency_up"],
    ]

    merged = merge(parts)

    assert (
        merged.body == b'jackpot_dependency_up{dependency="database"} 1\njackpot_dependency_up{dependency="cache"} 1\n'
    )
    assert merged.series == 2


SOME_OF_EACH = [
    AMOUNT.sample(-5, 'quote " backslash \\ newline \n emoji 🎰'),
    WINS.sample(3, "mega"),
    HITS.sample(4, "app"),
    PGPGIN.sample(5),
    SECONDS.sample(Histogram((Bucket(0.1, 1), Bucket(math.inf, 2)), 3.5), "win"),
    LATENCY.sample(Summary(((0.5, 1.0), (0.99, 2.0)), 10.0, 7), "get"),
]


@pytest.mark.parametrize("fmt", list(Format), ids=lambda f: f.name)
def test_every_kind_is_read_back(fmt: Format) -> None:
    found = parsed(SOME_OF_EACH, fmt)

    assert found["jackpot_operation_duration_seconds"].type == "histogram"
    assert found["redis_latency_percentiles_usec"].type == "summary"
    assert found["jackpot_wins"].type == "counter"


def test_promtool_accepts_the_text() -> None:
    text = text_of(render_now(SOME_OF_EACH, "jackpot").values(), Format.TEXT)

    done = subprocess.run(
        [tools.find("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )

    complaints = [line for line in done.stderr.splitlines() if "jackpot_" in line]
    assert complaints == []
    assert "error" not in done.stderr.lower()


async def test_columns_of_an_equal_version_are_made_once() -> None:
    known = Known()

    async def shown(*columns: Column) -> bytes:
        families = await render([Frame([("a",)], columns)], "jackpot", known)
        return b"".join(family.body for family in families.values())

    first = await shown(Column(AMOUNT, [1], "v1"))
    again = await shown(Column(AMOUNT, [2], "v1"))
    await shown()
    forgotten = await shown(Column(AMOUNT, [2], "v1"), Column(WINS, [3], "v1"))

    assert first == again == b'jackpot_pool_amount_cents{pool="a"} 1\n'
    assert forgotten == b'jackpot_pool_amount_cents{pool="a"} 2\njackpot_wins_total{pool="a"} 3\n'


async def test_a_value_that_is_text_already_is_shown_as_it_is() -> None:
    families = await render([Frame([("a",)], (Column(AMOUNT, [1], "v1", ["1.50"]),))], "jackpot")

    assert families["jackpot_pool_amount_cents"].body == b'jackpot_pool_amount_cents{pool="a"} 1.50\n'
