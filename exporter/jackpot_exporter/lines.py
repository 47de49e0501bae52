"""The text of single lines: label sets, values, and the lines of histograms and summaries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import isfinite

from .model import COUNTER_MODULUS, Bucket, Exemplar, Histogram, Kind, MetricSpec, Number, Summary
from .redaction import redact

_ESCAPED = re.compile(r'[\\"\n]')
_LABEL_VALUE = re.compile(r'="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_EXEMPLAR_MAX = 128  # characters of an exemplar's labels, by the OpenMetrics specification


def escape_label(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def escape_help(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n")


def number_text(value: Number) -> str:
    """A value as both formats write it."""
    if value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if isinstance(value, bool) else str(value)


def value_texts(spec: MetricSpec, values: Sequence[Number]) -> Iterable[str]:
    """The values as text; whole columns of plain numbers of one type, the usual case, take one call."""
    types = set(map(type, values))
    if types == {int} and (spec.kind is not Kind.COUNTER or max(values) < COUNTER_MODULUS):
        return map(str, values)
    if types == {float} and all(map(isfinite, values)):
        return map(str, values)
    return [number_text(wrapped(spec, value)) for value in values]


def wrapped(spec: MetricSpec, value: Number) -> Number:
    if spec.kind is Kind.COUNTER and isinstance(value, int) and value >= COUNTER_MODULUS:
        return value % COUNTER_MODULUS
    return value


def _label_set(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    if not names:
        return ""
    return "{" + ",".join([f'{n}="{escape_label(v)}"' for n, v in zip(names, values, strict=True)]) + "}"


known_label_set = lru_cache(maxsize=4096)(_label_set)
"""The same, kept: every round brings those of single samples again."""


def line_heads(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The label set of each row with the blank before its value; by a pattern, where nothing needs an escape."""
    if not names or _ESCAPED.search("".join(map("".join, rows))):
        return [_label_set(names, row) + " " for row in rows]
    pattern = "{" + ",".join(f'{name}="%s"' for name in names) + "} "
    return [pattern % row for row in rows]


def without_secrets(lines: bytes) -> bytes:
    """The lines with what is secret masked in the values of labels."""
    if not redact.finds(lines):
        return lines
    return _LABEL_VALUE.sub(_masked, lines.decode()).encode()


def _masked(match: re.Match[str]) -> str:
    value = _ESCAPE.sub(lambda escape: "\n" if escape[1] == "n" else escape[1], match[1])
    return f'="{escape_label(redact.label(value))}"'


def _with_label(labels: str, name: str, value: str) -> str:
    return f'{labels[:-1]},{name}="{value}"}}' if labels else f'{{{name}="{value}"}}'


@lru_cache(maxsize=512)
def _bucket_heads(name: str, labels: str, bounds: tuple[float, ...]) -> list[str]:
    return [f"{name}_bucket{_with_label(labels, 'le', number_text(float(bound)))} " for bound in bounds]


def histogram_lines(name: str, labels: str, value: Histogram, *, with_exemplars: bool) -> Iterator[str]:
    heads = _bucket_heads(name, labels, tuple([bucket.le for bucket in value.buckets]))
    for head, bucket in zip(heads, value.buckets, strict=True):
        yield f"{head}{bucket.count}{_exemplar(bucket) if with_exemplars else ''}\n"
    yield f"{name}_sum{labels} {number_text(value.sum)}\n"
    yield f"{name}_count{labels} {value.buckets[-1].count}\n"


def summary_lines(name: str, labels: str, value: Summary) -> Iterator[str]:
    for quantile, number in value.quantiles:
        yield f"{name}{_with_label(labels, 'quantile', number_text(float(quantile)))} {number_text(number)}\n"
    yield f"{name}_sum{labels} {number_text(value.sum)}\n"
    yield f"{name}_count{labels} {value.count}\n"


def _exemplar(bucket: Bucket) -> str:
    exemplar: Exemplar | None = bucket.exemplar
    if exemplar is None or sum(len(k) + len(v) for k, v in exemplar.labels) > _EXEMPLAR_MAX:
        return ""
    pairs = ",".join(f'{k}="{escape_label(v)}"' for k, v in exemplar.labels)
    at = f" {exemplar.at:.3f}" if exemplar.at is not None else ""
    return f" # {{{pairs}}} {number_text(exemplar.value)}{at}"
