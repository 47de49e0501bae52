"""The part of Go's templates that packs use in summaries and descriptions, and how Prometheus renders it.

promtool compares annotations exactly, so the expected text of a case is rendered here from the value written
in the case by hand; promtool then judges this module too. What is not understood is refused, not passed on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LABEL = re.compile(r"\s*\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)\s*\Z")
_VALUE = re.compile(r'\s*\$value\s*(?:\|\s*(?:(humanize\w*)|printf "(%\.[0-9]f)")\s*)?\Z')
_LARGE = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("", "m", "u", "n", "p", "f", "a", "z", "y")


def labels_of(template: str) -> frozenset[str]:
    """The labels that a template prints. ValueError on an action that is not understood."""
    return frozenset(label for action in _ACTION.findall(template) if (label := _label_name(action)))


def needs_value(template: str) -> bool:
    return "$value" in template


def render(template: str, labels: Mapping[str, str], value: float | None) -> str:
    """The text that Prometheus makes of `template`."""

    def replace(match: re.Match[str]) -> str:
        label = _label_name(match[1])
        if label:
            return labels.get(label, "")
        if value is None:
            raise ValueError("the description shows $value: give the value that is expected")
        return _shown(match[1], value)

    return _ACTION.sub(replace, template)


def _label_name(action: str) -> str:
    """The label printed by an action, or nothing when it prints the value."""
    label = _LABEL.match(action)
    if label:
        return label[1]
    value = _VALUE.match(action)
    if value and (value[1] is None or value[1] in _FUNCTIONS):
        return ""
    known = ", ".join(_FUNCTIONS)
    raise ValueError(f'"{{{{{action}}}}}" is not understood; use $labels.NAME, $value, printf "%.2f" or one of {known}')


def _shown(action: str, value: float) -> str:
    match = _VALUE.match(action)
    assert match is not None  # noqa: S101 - `_label_name` has seen it
    if match[2]:
        return match[2] % value
    return _FUNCTIONS[match[1]](value) if match[1] else _plain(value)


def _plain(value: float) -> str:
    """Go's %v of a float64: the shortest digits, with an exponent below 1e-4 and from 1e6."""
    number = Decimal(repr(float(value)))
    exponent = number.adjusted() if number else 0
    if -4 <= exponent < 6:
        return f"{number.normalize():f}"
    digits = "".join(map(str, number.normalize().as_tuple().digits))
    mantissa = digits[0] + (f".{digits[1:]}" if digits[1:] else "")
    return f"{'-' if value < 0 else ''}{mantissa}e{exponent:+03d}"


def _humanize(value: float) -> str:
    if value == 0 or math.isnan(value) or math.isinf(value):
        return _four(value)
    prefixes, step = (_LARGE, 1 / 1000) if abs(value) >= 1 else (_SMALL, 1000)
    index = 0
    while index < len(prefixes) - 1 and (abs(value) >= 1000 if step < 1 else abs(value) < 1):
        value, index = (value / 1000 if step < 1 else value * 1000), index + 1
    return _four(value) + prefixes[index]


def _humanize_1024(value: float) -> str:
    prefixes = ("", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
    index = 0
    while abs(value) >= 1024 and index < len(prefixes) - 1:
        value, index = value / 1024, index + 1
    return _four(value) + prefixes[index]


def _humanize_percentage(value: float) -> str:
    return f"{_four(value * 100)}%"


def _humanize_duration(value: float) -> str:
    if value == 0:
        return "0s"
    if abs(value) < 1:
        return f"{_humanize(value)}s"
    sign, rest = ("-", -value) if value < 0 else ("", value)
    seconds, minutes = int(rest) % 60, int(rest) // 60 % 60
    hours, days = int(rest) // 3600 % 24, int(rest) // 86400
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{sign}{_four(rest)}s"


def _four(value: float) -> str:
    """Four significant digits: Go's and Python's %g agree."""
    return "%.4g" % value  # noqa: UP031 - the same verb as in Prometheus


_FUNCTIONS: dict[str, Callable[[float], str]] = {
    "humanize": _humanize,
    "humanize1024": _humanize_1024,
    "humanizePercentage": _humanize_percentage,
    "humanizeDuration": _humanize_duration,
}
