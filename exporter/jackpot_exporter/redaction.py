"""Secrets never leave the process: every value registered here is replaced wherever text is written.

Redaction is by value, not by pattern: a password is found in whatever form of DSN, URL or error text it
turns up, also percent-encoded.
"""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus

_MASK = "***"
_MIN_LENGTH = 3  # masking one or two characters would make every line unreadable and hide nothing


class Redactor:
    """The secrets known so far; grows when a password file is rotated."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Mask this value from now on, in all its encodings."""
        forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
        new = {form for form in forms if len(form) >= _MIN_LENGTH} - self._values
        if new:
            self._values |= new
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __call__(self, text: str) -> str:
        """The text with every known secret masked."""
        return self._pattern.sub(_MASK, text) if self._pattern else text


redact = Redactor()
"""One for the process: a secret belongs to no single part of it."""
