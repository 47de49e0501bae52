"""Whatever stands in a pack: it is taken, or every problem is told; the compiler never fails on what was taken."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.fuzzing import inputs, is_told, refusal
from harness.small_packs import SMALL
from jackpot_exporter.bundle import promql
from jackpot_exporter.bundle.loader import load_packs

NAMES = sorted(SMALL)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(
        ["${minimum}", "${minimum - 1}", "${1/0}", "${__import__('os')}", "${", "${a b}", "1m", "0s", "99y",
         "rate(x[5m])",
         "up ==", "sum(", "{{ $value }}", "{{ .Labels", "critical", "P1", "a" * 300, "\x00", "é", "x_total", "le"]
    )
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything that can be exchanged."""
    yield way
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from places(inner, (*way, step))


def changed(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    if not way:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[way[0]] = changed(value[way[0]], way[1:], new)
    return copy


WAYS = [(name, way) for name in NAMES for way in places(yaml.safe_load(SMALL[name]))]


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


@inputs(60)
@given(st.lists(st.tuples(st.sampled_from(WAYS), VALUES), min_size=1, max_size=2))
def test_any_change_is_taken_or_refused(folder: Path, changes: list[tuple[tuple[str, tuple[Any, ...]], Any]]) -> None:
    data = {name: yaml.safe_load(text) for name, text in SMALL.items()}
    for (name, way), new in changes:
        try:
            data[name] = changed(data[name], way, new)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has taken the place away
    write(folder, {name: yaml.safe_dump(value) for name, value in data.items()})

    assert is_told(refusal(lambda: load_packs(folder, known={})))


WORDS = st.sampled_from(
    ["sum", "rate", "(", ")", "[5m]", "[5m:1m]", "{a=\"b\"}", "{", "}", "by (x)", "up", "1e309", "-", "+", "==",
     "bool", "and",
     "offset 5m", "@ end()", "\"", "\\", "$__range", "#", "\n", "histogram_quantile(0.9,", ",", "é", "\x00", "atan2",
     "!~"]
)  # fmt: skip


@inputs(200)
@given(st.lists(WORDS | st.text(max_size=4), max_size=12).map(" ".join))
def test_any_expression_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        promql.read(text)
