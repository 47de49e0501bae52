"""Whatever a collector yields, the page is valid, no series comes twice, and no secret is in it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from harness.fuzzing import inputs
from jackpot_exporter.exposition import END, Format, document, merge, render, render_now
from jackpot_exporter.model import (
    Bucket,
    Column,
    Exemplar,
    Frame,
    Histogram,
    MetricSpec,
    Sample,
    Summary,
    Value,
    counter,
    gauge,
    histogram,
    summary,
    untyped,
)
from jackpot_exporter.redaction import redact

SECRET = 'fuzz3d/"s3cret\\ü'
redact.add(SECRET)

SPECS = (
    gauge("pool_amount_cents", "What the pool\nholds.\\", "pool", own=True),
    counter("wins_total", "Wins.", "pool", "type", own=True),
    counter("pg_stat_database_blks_hit", "No suffix.", "datname"),
    gauge("up", ""),
    histogram("operation_seconds", "Time.", "operation", own=True),
    summary("latency_usec", "Latency.", "cmd"),
    untyped("node_vmstat_pgpgin", "Pages.", "device"),
)
LABELS = st.text(max_size=20) | st.sampled_from(
    ["", "\\", '"', "\n", '\\"', "a\\nb", "\r", "\x00", "{", "}", ",", " # ", "\ud800", f"x{SECRET}y", SECRET]
)
IDS = st.text(max_size=20).map(lambda text: text.replace('"', "").replace("\\", ""))
"""Without escapes, which the parser does not know in exemplars."""
NUMBERS = st.floats() | st.integers() | st.booleans() | st.sampled_from([2**53, 2**64, -1, 1e308, math.nan])


@st.composite
def histograms(draw: st.DrawFn) -> Histogram:
    bounds = sorted(draw(st.sets(st.floats(0, 1e6), max_size=4)))
    counts, total = [], 0
    for _ in [*bounds, math.inf]:
        total += draw(st.integers(0, 2**40))
        counts.append(total)
    labels = draw(st.lists(st.tuples(st.sampled_from(["trace_id", "id"]), IDS), max_size=2, unique_by=lambda p: p[0]))
    buckets = [
        Bucket(le, count, Exemplar(tuple(labels), 0.5, draw(st.none() | st.floats(0, 2e9))) if labels else None)
        for le, count in zip([*bounds, math.inf], counts, strict=True)
    ]
    return Histogram(tuple(buckets), draw(st.floats(0, 1e12)))


SUMMARIES = st.builds(
    Summary,
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1e9)), max_size=3, unique_by=lambda p: p[0]).map(tuple),
    st.floats(0, 1e12),
    st.integers(0, 2**53),
)


def _value(spec: MetricSpec) -> st.SearchStrategy[Value]:
    if spec.kind == "histogram":
        return histograms()
    if spec.kind == "summary":
        return SUMMARIES
    if spec.kind == "counter":
        return st.floats(0, 1e300) | st.integers(0)
    return NUMBERS


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    spec = draw(st.sampled_from(SPECS))
    return spec.sample(draw(_value(spec)), *(draw(LABELS) for _ in spec.labels))


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    rows = draw(st.lists(st.tuples(LABELS), max_size=6))
    values = st.lists(st.none() | NUMBERS, min_size=len(rows), max_size=len(rows))
    return Frame(rows, tuple(Column(SPECS[0], draw(values)) for _ in range(draw(st.integers(0, 2)))))


def page(items: Sequence[Sample | Frame], fmt: Format) -> str | None:
    """The text; None when the items are refused, as those of a collector with a bug are."""
    try:
        families = render_now(items, "jackpot").values()
    except ValueError:
        return None
    return (document(families, fmt) + END[fmt]).decode()


def read(text: str, fmt: Format) -> list[Metric]:
    parse = text_string_to_metric_families if fmt is Format.TEXT else openmetrics.text_string_to_metric_families
    return list(parse(text))


@inputs(150)
@given(st.lists(samples() | frames(), max_size=8))
@example([SPECS[0].sample(1, "\r"), SPECS[0].sample(2, "\n")])
@example([SPECS[0].sample(1, f"a{SECRET}"), SPECS[0].sample(2, SECRET)])
def test_a_page_is_valid_and_without_doubles(items: list[Sample | Frame]) -> None:
    for fmt in Format:
        text = page(items, fmt)
        if text is None:
            continue
        found = read(text, fmt)

        series = [(one.name, *sorted(one.labels.items())) for family in found for one in family.samples]
        assert len(series) == len(set(series))
        assert len({family.name for family in found}) == len(found)
        assert "s3cret" not in text


@inputs(60)
@given(st.lists(samples() | frames(), max_size=8))
async def test_both_ways_to_render_are_one(items: list[Sample | Frame]) -> None:
    try:
        at_once = render_now(items, "jackpot")
    except ValueError:
        at_once = None
    try:
        in_steps = await render(items, "jackpot")
    except ValueError:
        in_steps = None

    assert at_once == in_steps


@inputs(100)
@given(st.lists(st.lists(samples(), max_size=6), min_size=1, max_size=3))
@example([[SPECS[0].sample(1, "a\rb"), SPECS[0].sample(2, "a\rc")]])
def test_parts_of_several_collectors_become_one_page_without_doubles(groups: list[list[Sample]]) -> None:
    rendered = []
    for items in groups:
        try:
            rendered.append(render_now([item for item in items if item.spec.kind in ("gauge", "counter")], "jackpot"))
        except ValueError:
            continue
    names = {name for group in rendered for name in group}
    families = [merge([group[name] for group in rendered if name in group]) for name in sorted(names)]

    text = document(families, Format.TEXT).decode()

    series = [line.rpartition(" ")[0] for line in text.split("\n")[:-1] if not line.startswith("#")]
    assert len(series) == len(set(series))
    assert len(list(text_string_to_metric_families(text))) == len(families)
