"""Where passwords stand in text: in DSNs, in URLs, in the lines and keys of settings. Finds them, and masks nothing.

Eager on purpose: a password that was written wrongly (`postgresql://me:a/b@db`) is still one, and what is taken for a
password by mistake is only harder to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

_WORD = r"[\w-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|credentials?)|pass|auth(?:orization)?|cookie"
_KEY = rf"{_WORD}|(?:[\w-]*[_-])?(?:api|access|private|client|server)[_-]?key|[\w-]*[_-]auth"
_NAME = re.compile(_KEY, re.IGNORECASE)
_PARAMETER = re.compile(rf"[?&;](?:{_KEY}|key|sig|signature|code)=([^&;#\s'\"]+)", re.IGNORECASE)
_LOGIN = re.compile(r"(\w+)://([^\s/?#'\"]*)@")
_WRONG_LOGIN = re.compile(r"\w+://[^\s/?#@:'\"]*:(?!\d+(?:[/?#]|$))([^\s'\"@]*[/?#][^\s'\"]*)@")
_QUOTED_LOGIN = re.compile(r"^\w+://[^\s/?#@:'\"]*:([^/?#]*[\s'\"][^/?#]*)@")
"""In a text that is an address as a whole: elsewhere a blank ends it."""
_BARE_LOGIN = re.compile(r"(?<![\w/:.-])[\w.+-]*:(?!//)([^\s@'\"]+)@(?=[\w\[])")
_PAIR = re.compile(
    rf"\b(?:{_KEY})\s*=\s*(?:'((?:[^'\\]|\\.)*)'?|((?:[^\s'\\]|\\.)(?:[^\s\\]|\\.)*))", re.IGNORECASE | re.DOTALL
)
_SCHEME = re.compile(r"(?:Bearer|Basic|Token|ApiKey)\s+", re.IGNORECASE)
_DELICATE = re.compile(rf"@|\b(?:{_KEY})[\"']?\s*[:=]|[?&;](?:key|sig|signature|code)=", re.IGNORECASE)
_WEB = ("http", "https", "ws", "wss")
_SEPARATORS = re.compile(r"[@/?#:\s'\"]")


def find_passwords(text: str) -> Iterator[str]:
    """Every password in this text, as it stands there and as it is meant."""
    for match in _LOGIN.finditer(text):
        yield from _of_login(match[1], match[2])
    for match in (*_QUOTED_LOGIN.finditer(text), *_WRONG_LOGIN.finditer(text), *_BARE_LOGIN.finditer(text)):
        yield from _pieces(match[1])
    for match in _PARAMETER.finditer(text):
        yield from {match[1], unquote(match[1]), unquote_plus(match[1])}
    for match in _PAIR.finditer(text):
        value = match[1] or match[2] or ""
        yield from (value, re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL), unquote(value))


def passwords_of(data: Any, key: str = "") -> Iterator[str]:
    """Every password in plain data: those in its texts, and the texts that stand under the name of one."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from find_passwords(str(name))
            yield from passwords_of(value, str(name))
    elif isinstance(data, list | tuple):
        for value in data:
            yield from passwords_of(value, key)
    elif isinstance(data, str):
        yield from find_passwords(data)
        if _NAME.fullmatch(key):
            yield from (data, _SCHEME.sub("", data, count=1))
    elif data is not None and not isinstance(data, bool) and _NAME.fullmatch(key):
        yield str(data)


def may_hold_password(line: str) -> bool:
    """Whether a line of a settings file is better not repeated."""
    return _DELICATE.search(line) is not None


def _of_login(scheme: str, login: str) -> Iterator[str]:
    user, colon, password = login.partition(":")
    if colon:
        yield from _pieces(password)
    elif scheme.lower() in _WEB:
        yield from (user, unquote(user))  # a token


def _pieces(password: str) -> Iterator[str]:
    """The password; and its parts, where it holds what ends one: a client takes the rest for a host or a port."""
    yield password
    yield unquote(password)
    if _SEPARATORS.search(password):
        yield from _SEPARATORS.split(password)
