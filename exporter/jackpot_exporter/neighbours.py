"""Targets on one PostgreSQL server: each reports on its own database, unless it names others.

A server by itself is reported on whole. A hundred targets that did so on one server would each show the databases of
all the others: ten thousand times the same, in series and in work.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from .config import Settings, TargetBase, section

_PAIR = re.compile(r"(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))")
_PORT = "5432"
_Target = TypeVar("_Target", bound=TargetBase)


class _Place(NamedTuple):
    server: tuple[str, str]
    database: str


def settle(settings: Settings) -> Settings:
    """The settings, with `postgres.databases` filled in for the targets that share a server and left it open."""
    places = {name: _place(target) for name, target in settings.targets.items()}
    crowds = Counter(place.server for place in places.values() if place)
    targets = {
        name: _narrow(target, place.database) if (place := places[name]) and crowds[place.server] > 1 else target
        for name, target in settings.targets.items()
    }
    return settings._replace(targets=targets)


def _narrow(target: _Target, database: str) -> _Target:
    postgres = section(target, ("postgres",))
    if postgres.databases:
        return target
    return target.model_copy(update={"postgres": postgres.model_copy(update={"databases": (database,)})})


def _place(target: TargetBase) -> _Place | None:
    """Where the target's DSN leads, as far as it says; one in a file says nothing yet."""
    postgres = section(target, ("postgres",))
    if postgres is None or postgres.dsn is None:
        return None
    named = _named_in_address(postgres.dsn) if "://" in postgres.dsn else _named_in_pairs(postgres.dsn)
    if not named.get("dbname"):
        return None
    server = (named.get("host") or "localhost", named.get("port") or _PORT)
    return _Place(server, named["dbname"])


def _named_in_address(dsn: str) -> dict[str, str]:
    parts = urlsplit(dsn)
    host, _, port = parts.netloc.rpartition("@")[2].partition(":")
    if host.startswith("["):
        host, _, port = parts.netloc.rpartition("@")[2].partition("]:")
    found = {"host": host, "port": port, "dbname": unquote(parts.path.lstrip("/"))}
    return found | {name: values[-1] for name, values in parse_qs(parts.query).items() if name in found}


def _named_in_pairs(dsn: str) -> dict[str, str]:
    return {name: quoted or plain for name, quoted, plain in _PAIR.findall(dsn)}
