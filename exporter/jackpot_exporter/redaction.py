"""Secrets never leave the process: every value registered here is masked wherever text is written.

Redaction is by value: a password is found in whatever form of DSN, URL or error text it turns up, also encoded. Where
passwords stand in a DSN or a URL, they are masked besides without being known. In the metrics, which are data, a secret
that is a plain word is left: `postgres` is the name of a database more often than it is a password.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from .passwords import find_passwords, passwords_of

_MASK = "***"
_MIN_LENGTH = 3  # masking one or two characters would make every line unreadable and hide nothing
_PLAIN_WORD = re.compile(r"[A-Za-z_-]{1,16}|.{1,5}", re.DOTALL)
_BY_FORM = (
    # Bounded, for some of what is logged was written by strangers.
    re.compile(r"(?P<before>\w://[^\s/?#:@'\"]{0,200}:)[^\s/?#'\"]{1,200}(?=@)"),
    re.compile(
        r"(?P<before>(?:passw(?:or)?d|passphrase|pwd)\s{0,5}=\s{0,5})(?:'(?:[^'\\]|\\.){0,200}'?|[^\s'\"&;,)*]{1,200})",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<before>\bpassword\s{1,5})'(?:[^']|''){0,200}'?", re.IGNORECASE),  # alter role
)


class Redactor:
    """The secrets known so far; grows when a password file is rotated."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._in_labels: dict[str, str] = {}
        self._label_bytes: tuple[bytes, ...] = ()

    def add(self, *secrets: str) -> None:
        """Mask these values from now on, in all their encodings."""
        new = {form for secret in secrets for form in _forms(secret) if len(form) >= _MIN_LENGTH} - self._values
        if not new:
            return
        self._values |= new
        for form in sorted(new):
            if not _PLAIN_WORD.fullmatch(form):
                # Numbered, so that series which differ in nothing but their secrets still differ.
                self._in_labels[form] = f"{_MASK}{len(self._in_labels)}"
        self._label_bytes = tuple(form.encode(errors="replace") for form in self._in_labels)

    def learn(self, data: Any) -> None:
        """Mask from now on every password that stands in this text, or in these settings as plain data."""
        self.add(*(find_passwords(data) if isinstance(data, str) else passwords_of(data)))

    def __call__(self, text: str) -> str:
        """The text with every known secret masked, and with what stands where passwords stand."""
        text = _masked(text, dict.fromkeys(self._values, _MASK))
        for form in _BY_FORM:
            text = form.sub(rf"\g<before>{_MASK}", text)
        return text

    def finds(self, text: bytes) -> bool:
        """Whether a secret stands in this text, for all that it costs to look at a whole page of metrics."""
        return any(form in text for form in self._label_bytes)

    def label(self, value: str) -> str:
        """The value of a label with every secret masked that is no plain word."""
        return _masked(value, self._in_labels)


def _masked(text: str, masks: Mapping[str, str]) -> str:
    """The text with each secret exchanged for its mask."""
    pieces: list[str] = []
    at = 0
    for start, end, form in _spans(text, masks):
        pieces += (text[at:start], masks[form])
        at = end
    return "".join((*pieces, text[at:]))


def _spans(text: str, forms: Iterable[str]) -> list[tuple[int, int, str]]:
    """Where the text is secret, and by what: secrets that overlap are one span, or the end of one would be left."""
    merged: list[tuple[int, int, str]] = []
    for start, end, form in sorted(_found(text, forms)):
        if merged and start < merged[-1][1]:
            first, last, by = merged[-1]
            merged[-1] = first, max(end, last), by
        else:
            merged.append((start, end, form))
    return merged


def _found(text: str, forms: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    for form in forms:
        at = text.find(form)
        while at >= 0:
            yield at, at + len(form), form
            at = text.find(form, at + 1)


def _forms(secret: str) -> set[str]:
    """How a secret may be written: as it is, in a URL, in a literal, in JSON, in HTML."""
    quoted = {quote(secret, safe="/", errors="replace"), quote(secret, safe="", errors="replace")}
    escaped = secret.replace("\\", r"\\")
    return {
        secret,
        secret.strip(),
        *quoted,
        *(re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in quoted),
        quote_plus(secret, errors="replace"),
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        escaped.replace("'", r"\'"),
        escaped.replace('"', r"\"").replace("\n", r"\n"),
        secret.replace("'", "''"),
        html.escape(secret),
    }


redact = Redactor()
"""One for the process: a secret belongs to no single part of it."""
