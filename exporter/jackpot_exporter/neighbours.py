"""What targets leave open, settled with an eye on the others: nothing is reported on once for each of them.

On one PostgreSQL server each reports on its own database, unless it names others; a server by itself is reported on
whole. A hundred targets that did so on one server would each show the databases of all the others: ten thousand times
the same, in series and in work. And the machine and the control group that the exporter runs in are no target's: a
target that wants them says so by a block `host` or `cgroup`.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, TypeVar

from .config import Schedule, Settings, TargetBase, section

_PORT = "5432"
_OWN_MACHINE = ("host", "cgroup")
_Target = TypeVar("_Target", bound=TargetBase)
_Block = TypeVar("_Block", bound=Schedule)


class _Place(NamedTuple):
    server: tuple[str, str]
    database: str


def settle(settings: Settings) -> Settings:
    """The settings, with what the targets left open filled in."""
    places = {name: _place(target) for name, target in settings.targets.items()}
    crowds = Counter(place.server for place in places.values() if place)
    targets = {
        name: _narrow(target, place.database) if (place := places[name]) and crowds[place.server] > 1 else target
        for name, target in settings.targets.items()
    }
    return settings._replace(targets={name: _without_machine(target) for name, target in targets.items()})


def _without_machine(target: _Target) -> _Target:
    blocks = {name: section(target, (name,)) for name in _OWN_MACHINE}
    unwanted = {
        name: _switched_off(block)
        for name, block in blocks.items()
        if block is not None and not (name in target.model_fields_set and block.enabled)
    }
    return target.model_copy(update=unwanted)


def _switched_off(block: _Block) -> _Block:
    """With the blocks inside it that nobody named."""
    inner = {name: getattr(block, name) for name in type(block).model_fields if name not in block.model_fields_set}
    quiet = {name: _switched_off(value) for name, value in inner.items() if isinstance(value, Schedule)}
    return block.model_copy(update={**quiet, "enabled": False})


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
    from psycopg import ProgrammingError, conninfo  # noqa: PLC0415 - psycopg costs 14 MB, only where it is used

    try:
        named = conninfo.conninfo_to_dict(postgres.dsn)
    except ProgrammingError:  # told when it is connected to
        return None
    if not named.get("dbname"):
        return None
    server = (str(named.get("host") or "localhost"), str(named.get("port") or _PORT))
    return _Place(server, str(named["dbname"]))
