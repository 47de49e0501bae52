"""INFO: its text as sections of fields, and the families of what is not one number a field: databases, replication.

Statistics of commands and errors are read elsewhere: their labels come from what clients do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import BadDataError
from ..model import Item, MetricSpec, Note, Number, gauge
from ._redis_answers import divided, number, settings
from ._redis_fields import FIELDS

START_TIME = gauge("redis_start_time_seconds", "When the server started.")
LATEST_FORK = gauge("redis_latest_fork_seconds", "Duration of the last fork.")
INSTANCE_INFO = gauge(
    "redis_instance_info", "1, with what identifies the server.",
    "master_replid", "maxmemory_policy", "os", "process_id", "redis_build_id", "redis_mode", "redis_version", "role",
    "run_id", "tcp_port",
)  # fmt: skip
DB_KEYS = gauge("redis_db_keys", "Keys in the database.", "db")
DB_KEYS_EXPIRING = gauge("redis_db_keys_expiring", "Keys in the database that expire.", "db")
DB_AVG_TTL = gauge("redis_db_avg_ttl_seconds", "Mean time to live of the keys that expire, estimated.", "db")
DB_EXPIRING_ITEMS = gauge("redis_db_keys_with_expiring_items", "Keys in the database whose fields expire.", "db")

_REPLICA = ("slave_ip", "slave_port", "slave_state")
REPLICA_OFFSET = gauge("redis_connected_slave_offset_bytes", "Offset the replica has acknowledged.", *_REPLICA)
REPLICA_LAG = gauge("redis_connected_slave_lag_seconds", "Seconds since the replica's last acknowledgement.", *_REPLICA)

_MASTER = ("master_host", "master_port")
SLAVE_INFO = gauge("redis_slave_info", "1, with the master of this replica.", *_MASTER, "read_only")
LINK_UP = gauge("redis_master_link_up", "Whether the link to the master is up.", *_MASTER)
LAST_IO = gauge("redis_master_last_io_seconds_ago", "Seconds since the master was last heard; -1: no link.", *_MASTER)
SYNC_IN_PROGRESS = gauge("redis_master_sync_in_progress", "Whether the replica is loading the master's data.", *_MASTER)
REPLICATED = gauge("redis_slave_repl_offset", "Offset up to which this replica has the master's changes.", *_MASTER)

METRICS: tuple[MetricSpec, ...] = (
    *FIELDS.values(), START_TIME, LATEST_FORK, INSTANCE_INFO, DB_KEYS, DB_KEYS_EXPIRING, DB_AVG_TTL, DB_EXPIRING_ITEMS,
    REPLICA_OFFSET, REPLICA_LAG, SLAVE_INFO, LINK_UP, LAST_IO, SYNC_IN_PROGRESS, REPLICATED,
)  # fmt: skip

_NOT_FIELDS = {"commandstats", "latencystats", "errorstats", "keyspace", "keysizes"}
_KEYSPACE = {"keys": (DB_KEYS, 1), "expires": (DB_KEYS_EXPIRING, 1), "avg_ttl": (DB_AVG_TTL, 1000),
             "subexpiry": (DB_EXPIRING_ITEMS, 1), "keys_with_volatile_items": (DB_EXPIRING_ITEMS, 1)}  # fmt: skip
_OF_REPLICA = {"master_link_status": LINK_UP, "master_last_io_seconds_ago": LAST_IO,
               "master_sync_in_progress": SYNC_IN_PROGRESS, "slave_repl_offset": REPLICATED}  # fmt: skip
_MAX_DATABASES = 64
_MAX_REPLICAS = 64


@dataclass(frozen=True, slots=True)
class Info:
    """INFO by section (in lower case), and all fields that stand alone in one map."""

    sections: Mapping[str, Mapping[str, str]]
    fields: Mapping[str, str]

    @property
    def version(self) -> tuple[int, ...]:
        """(7, 0, 15); () when the server does not say."""
        parts = self.fields.get("redis_version", "").split(".")
        return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()

    @property
    def mode(self) -> str:
        """standalone, cluster or sentinel."""
        return self.fields.get("redis_mode") or self.fields.get("server_mode", "")


def parse_info(text: str) -> Info:
    """BadDataError when it is no INFO at all."""
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# "):
            section = sections.setdefault(line[2:].lower(), {})
        else:
            key, colon, value = line.partition(":")
            if colon:
                section[key] = value
    fields = {k: v for name, part in sections.items() if name not in _NOT_FIELDS for k, v in part.items()}
    if "uptime_in_seconds" not in fields:
        raise BadDataError(f"INFO has no uptime_in_seconds; it begins {text[:40]!r}")
    return Info(sections, fields)


def describe(info: Info) -> Iterator[Item]:
    """Everything in INFO but the statistics of commands and errors."""
    yield from numbers(info.fields)
    identity = {**info.fields, "redis_mode": info.mode}
    yield INSTANCE_INFO.sample(1, *(identity.get(label, "") for label in INSTANCE_INFO.labels))
    yield START_TIME.sample(_started(info.fields))
    if (fork := number(info.fields.get("latest_fork_usec", ""))) is not None:
        yield LATEST_FORK.sample(fork / 1e6)
    yield from _replication(info.fields)


def numbers(fields: Mapping[str, str]) -> Iterator[Item]:
    """The fields that are one number, of INFO or CLUSTER INFO."""
    for field, value in fields.items():
        spec = FIELDS.get(field)
        if spec is not None and (amount := number(value)) is not None:
            yield spec.sample(amount)


def keyspace(info: Info, databases: int) -> Iterator[Item]:
    """Every database with keys, and those without up to the number of `databases`."""
    names = dict.fromkeys(f"db{index}" for index in range(min(databases, _MAX_DATABASES)))
    filled = info.sections.get("keyspace", {})
    extra = [name for name in filled if name not in names]
    for name in [*names, *extra[:_MAX_DATABASES]]:
        values = {"keys": "0", "expires": "0", **settings(filled.get(name, "keys=0"))}
        for field, (spec, divisor) in _KEYSPACE.items():
            if (amount := number(values.get(field, ""))) is not None:
                yield spec.sample(divided(amount, divisor), name)
    if len(extra) > _MAX_DATABASES:
        yield Note("databases", f"{len(extra)} databases; the last are left out", dropped=len(extra) - _MAX_DATABASES)


def _started(fields: Mapping[str, str]) -> int:
    """By the server's clock where it tells: a difference of two clocks would waver by a second."""
    uptime, server_time = number(fields["uptime_in_seconds"]), number(fields.get("server_time_usec", ""))
    now = server_time / 1e6 if server_time else time.time()
    return int(now) - int(uptime or 0)


def _replication(fields: Mapping[str, str]) -> Iterator[Item]:
    if fields.get("role") == "slave":
        yield from _as_replica(fields)
    replicas: dict[tuple[str, ...], tuple[Number | None, Number | None]] = {}
    for field, value in fields.items():
        if field.startswith("slave") and field[5:].isdigit():
            replica = settings(value)
            # A replica that lost its link and came back can stand here twice.
            labels = tuple(replica.get(label.removeprefix("slave_"), "") for label in _REPLICA)
            replicas[labels] = number(replica.get("offset", "")), number(replica.get("lag", ""))
    for labels, amounts in list(replicas.items())[:_MAX_REPLICAS]:
        for spec, amount in zip((REPLICA_OFFSET, REPLICA_LAG), amounts, strict=True):
            if amount is not None:
                yield spec.sample(amount, *labels)


def _as_replica(fields: Mapping[str, str]) -> Iterator[Item]:
    master = fields.get("master_host", ""), fields.get("master_port", "")
    yield SLAVE_INFO.sample(1, *master, fields.get("slave_read_only", ""))
    for field, spec in _OF_REPLICA.items():
        amount = number({"up": "1", "down": "0"}.get(fields.get(field, ""), fields.get(field, "")))
        if amount is not None:
            yield spec.sample(amount, *master)
