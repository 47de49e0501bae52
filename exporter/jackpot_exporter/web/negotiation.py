"""Which format a scrape gets, by its Accept header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from ..exposition import Format

_REMEMBERED = 64  # headers; a Prometheus sends the same ones for ever
_OPENMETRICS_VERSIONS = ("", "1.0.0")


@lru_cache(maxsize=_REMEMBERED)
def choose_format(accept: str) -> Format:
    """The format with the highest quality; of equals the one named first; plain text when none is named."""
    best, best_quality = Format.TEXT, 0.0
    for media, parameters, quality in _preferences(accept):
        if quality > best_quality and (found := _format_of(media, parameters)) is not None:
            best, best_quality = found, quality
    return best


@lru_cache(maxsize=_REMEMBERED)
def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip may be sent; `gzip;q=0` forbids it."""
    qualities = {coding: quality for coding, _, quality in _preferences(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


@lru_cache(maxsize=_REMEMBERED)
def prefers_json(accept: str) -> bool:
    """Whether JSON is asked for by name, with the highest quality there is."""
    qualities = {media: quality for media, _, quality in _preferences(accept)}
    wanted = qualities.get("application/json", 0.0)
    return wanted > 0 and wanted == max(qualities.values())


def _format_of(media: str, parameters: dict[str, str]) -> Format | None:
    if media == "application/openmetrics-text" and parameters.get("version", "") in _OPENMETRICS_VERSIONS:
        return Format.OPENMETRICS
    return Format.TEXT if media in ("text/plain", "text/*", "*/*") else None


def _preferences(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for entry in header.split(","):
        name, *rest = (part.strip() for part in entry.split(";"))
        parameters = {
            key.strip().lower(): value.strip().strip('"') for key, _, value in (p.partition("=") for p in rest)
        }
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        if name:
            yield name.lower(), parameters, quality
