"""Every way to write where a source is and with which password: as its client takes it, and as people get it wrong."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from hypothesis import strategies as st

# None of these is a part of another text that is shown: what is found of one has leaked.
CORE = "q7Zx9KvW"
CORES = ("q7Zx", "9KvW")
_ODD = st.sampled_from(list("@:/?#%&=+ '\"\\,;[]{}<>|`$!~^*().é\u20ac\U0001f511"))
_ANY = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=6)
PASSWORDS = st.just(CORE) | (_ANY | _ODD).map(lambda odd: f"{CORES[0]}{odd}{CORES[1]}")
"""Plain ones, and such as have to be quoted."""


def _percent(password: str) -> str:
    return quote(password, safe="")


def _percent_lower(password: str) -> str:
    return "".join(f"%{byte:02x}" if not chr(byte).isalnum() or byte > 127 else chr(byte) for byte in password.encode())


def _percent_whole(password: str) -> str:
    return "".join(f"%{byte:02X}" for byte in password.encode())


def _libpq_quoted(password: str) -> str:
    return "'" + password.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _libpq_escaped(password: str) -> str:
    return "".join(f"\\{char}" if char in " \\'" else char for char in password)


def _as_is(password: str) -> str:
    return password


Writing = Callable[[str], str]
_IN_URL: tuple[Writing, ...] = (_percent, _percent_lower, _percent_whole)
_WRONG: tuple[Writing, ...] = (_as_is,)

POSTGRES: tuple[tuple[str, tuple[Writing, ...]], ...] = (
    ("postgresql://me:{}@127.0.0.1:1/db", _IN_URL),
    ("postgres://me:{}@127.0.0.1:1,127.0.0.1:2/db?target_session_attrs=any", _IN_URL),
    ("postgresql://me:{}@[::1]:1/db?sslmode=disable&connect_timeout=1", _IN_URL),
    ("postgresql://me:{}@/db?host=127.0.0.1&port=1", _IN_URL),
    ("postgresql://127.0.0.1:1/db?user=me&password={}", _IN_URL),
    ("postgresql://me@127.0.0.1:1/db?sslpassword={}", _IN_URL),
    ("postgresql://me:{}@%2Fnowhere:1/db", _IN_URL),
    ("host=127.0.0.1 port=1 user=me password={} dbname=db", (_libpq_quoted,)),
    ("host = 127.0.0.1 port = 1 user=me password = {}", (_libpq_quoted, _libpq_escaped)),
    ("host=127.0.0.1 port=1 sslpassword={} user=me", (_libpq_quoted,)),
    ("postgresql://me:{}@127.0.0.1:1/db", _WRONG),
    ("postgresql://me:{}@127.0.0.1:port/db", _IN_URL),
    ("postgresql://me:{}@127.0.0.1:1/db?nonsense=1", _IN_URL),
    ("host=127.0.0.1 port=1 password={} nonsense=1", (_libpq_quoted,)),
    ("postgresql+psycopg://me:{}@127.0.0.1:1/db", _IN_URL),
    ("mysql://me:{}@127.0.0.1/db", _IN_URL),
    ("me:{}@127.0.0.1:1/db", _IN_URL),
)
"""Text with a place for the password, and how it may be written there."""

REDIS: tuple[tuple[str, tuple[Writing, ...]], ...] = (
    ("redis://:{}@127.0.0.1:1/0", _IN_URL),
    ("redis://me:{}@127.0.0.1:1,127.0.0.1:2/0", _IN_URL),
    ("rediss://me:{}@localhost:1/0?ssl_cert_reqs=none", _IN_URL),
    ("rediss://127.0.0.1:1/0?password={}", _IN_URL),
    ("sentinel://me:{}@127.0.0.1:1,127.0.0.1:2/master", _IN_URL),
    ("sentinels://:{}@127.0.0.1:1/master", _IN_URL),
    ("unix://:{}@/nowhere/redis.sock", _IN_URL),
    ("unix:///nowhere/redis.sock?password={}", _IN_URL),
    ("redis://:{}@127.0.0.1:1/0", _WRONG),
    ("redis://:{}@127.0.0.1:99999/0", _IN_URL),
    ("redis+tls://:{}@127.0.0.1:1/0", _IN_URL),
    ("127.0.0.1:1,password={}", _IN_URL),
)

HTTP: tuple[tuple[str, tuple[Writing, ...]], ...] = (
    ("http://me:{}@127.0.0.1:1/health", _IN_URL),
    ("https://me:{}@localhost:1/health", _IN_URL),
    ("http://{}@127.0.0.1:1/health", _IN_URL),
    ("http://127.0.0.1:1/health?token={}", _IN_URL),
    ("http://127.0.0.1:1/health?a=b&api_key={}&c=d", _IN_URL),
    ("http://127.0.0.1:1/health?access_token={}#part", _IN_URL),
    ("http://127.0.0.1:1/health?X-Amz-Signature=1&sig={}", _IN_URL),
    ("http://me:{}@127.0.0.1:99999/health", _IN_URL),
    ("htp://me:{}@127.0.0.1/health", _IN_URL),
    ("http://me:{}@[127.0.0.1/health", _IN_URL),
)


@st.composite
def written(draw: st.DrawFn, forms: tuple[tuple[str, tuple[Writing, ...]], ...]) -> str:
    """An address with a password in it."""
    text, writings = draw(st.sampled_from(forms))
    return text.replace("{}", draw(st.sampled_from(writings))(draw(PASSWORDS)))


def leaks(text: str) -> list[str]:
    """What of a password is in this text, however it is written."""
    whole = [_percent_whole(core) for core in CORES]
    return [form for form in (*CORES, *whole, *map(str.lower, whole)) if form in text]
