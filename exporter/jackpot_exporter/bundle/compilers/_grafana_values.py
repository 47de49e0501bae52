"""How values look in Grafana: units, words, thresholds, as its field configuration has them."""

from __future__ import annotations

from typing import Any

from ..dashboards import Colour, Kind, Limit, Look, Words

Json = dict[str, Any]


def thresholds(look: Look, kind: Kind) -> Json:
    """The limits as steps. On a graph they are lines; elsewhere the value takes the colour of its step."""
    steps: list[Json]
    if kind is Kind.TIMESERIES:
        steps = [_step(None, "transparent"), *(_step(limit.value, limit.colour) for limit in look.limits)]
    elif look.below:
        steps = _rising_to_good(look.limits)
    else:
        base = Colour.GREEN if look.limits else Colour.BLUE if kind is Kind.BARGAUGE else Colour.GREY
        steps = [_step(None, base), *(_step(limit.value, limit.colour) for limit in look.limits)]
    return {"mode": "absolute", "steps": steps}


def _rising_to_good(limits: tuple[Limit, ...]) -> list[Json]:
    colours = [*(limit.colour for limit in limits), Colour.GREEN]
    starts = [None, *(limit.value for limit in limits)]
    return [_step(start, colour) for start, colour in zip(starts, colours, strict=True)]


def _step(value: float | None, colour: str) -> Json:
    return {"color": str(colour), "value": None if value is None else _short(value)}


def _short(value: float) -> float:
    """A whole number without a fraction."""
    return int(value) if value == int(value) else value


def mappings(words: Words | None) -> list[Json]:
    """Words in place of values, each with its colour."""
    if not words:
        return []
    options = {
        key: {"text": word.text, "color": str(word.colour), "index": index}
        for index, (key, word) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}]


def defaults(look: Look, kind: Kind, empty: str) -> Json:
    """The field configuration of a whole panel, without what is the panel type's own."""
    settings: Json = {
        "unit": look.unit,
        "noValue": empty,
        "mappings": mappings(look.words),
        "thresholds": thresholds(look, kind),
        "color": {"mode": "palette-classic" if kind in (Kind.TIMESERIES, Kind.STATES) else "thresholds"},
    }
    bounds = {"decimals": look.decimals, "min": look.minimum, "max": look.maximum}
    return settings | {name: value for name, value in bounds.items() if value is not None}
