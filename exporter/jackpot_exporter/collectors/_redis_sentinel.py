"""What a sentinel knows of the masters it watches, their replicas and the other sentinels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..model import Item, MetricSpec, gauge
from ._redis_answers import divided, number, pairs, sequence, settings, text
from ._redis_info import Info

if TYPE_CHECKING:
    from ..clients.redis import Answer, Command

_MASTER = ("master_name", "master_address")
STATUS = gauge("redis_sentinel_master_status", "Whether the master is well.", *_MASTER, "master_status")
REPLICAS = gauge("redis_sentinel_master_slaves", "Replicas of the master.", *_MASTER)
OK_REPLICAS = gauge("redis_sentinel_master_ok_slaves", "Replicas of the master that can be reached.", *_MASTER)
SENTINELS = gauge("redis_sentinel_master_sentinels", "Sentinels that watch the master.", *_MASTER)
OK_SENTINELS = gauge("redis_sentinel_master_ok_sentinels", "Sentinels of the master that can be reached.", *_MASTER)
QUORUM_STATUS = gauge(
    "redis_sentinel_master_ckquorum_status",
    "Whether enough sentinels can be reached to agree on a failover and to carry it out.", "master_name", "message",
)  # fmt: skip

_DETAILS = {
    "quorum": ("setting_ckquorum", "Sentinels that have to agree that the master is down.", 1),
    "failover-timeout": ("setting_failover_timeout", "Milliseconds a failover may take.", 1),
    "parallel-syncs": ("setting_parallel_syncs", "Replicas that follow a new master at once.", 1),
    "down-after-milliseconds": ("setting_down_after_milliseconds", "Silence after which the master is down.", 1),
    "config-epoch": ("config_epoch", "Epoch of the master's configuration.", 1),
    "last-ok-ping-reply": ("last_ok_ping_reply_seconds", "Time since the master answered well.", 1000),
}
DETAILS = {
    field: (gauge(f"redis_sentinel_master_{name}", help_text, *_MASTER), divisor)
    for field, (name, help_text, divisor) in _DETAILS.items()
}

METRICS: tuple[MetricSpec, ...] = (
    STATUS, REPLICAS, OK_REPLICAS, SENTINELS, OK_SENTINELS, QUORUM_STATUS, *(spec for spec, _ in DETAILS.values()),
)  # fmt: skip

_BAD = {"s_down", "o_down", "disconnected"}
_MAX_MASTERS = 32


def commands(info: Info) -> tuple[Command, ...]:
    """What has to be asked about each master."""
    names = [master["name"] for master in _masters(info)]
    return tuple(("SENTINEL", verb, name) for name in names for verb in ("MASTER", "REPLICAS", "SENTINELS"))


def read(answers: Sequence[Answer], info: Info) -> Iterator[Item]:
    for index, master in enumerate(_masters(info)):
        details, replicas, sentinels = answers[3 * index : 3 * index + 3]
        yield from _master(master, pairs(details), _well(replicas), _well(sentinels) + 1)


def _masters(info: Info) -> list[dict[str, str]]:
    """By name, as two lines of the same name would be two series of the same labels."""
    lines = (settings(value) for field, value in info.sections.get("sentinel", {}).items() if field[6:].isdigit())
    named = {line["name"]: line for line in lines if "name" in line}
    return list(named.values())[:_MAX_MASTERS]


def _master(master: Mapping[str, str], details: Mapping[str, object], replicas: int, sentinels: int) -> Iterator[Item]:
    labels = master["name"], master.get("address", "")
    yield STATUS.sample(master.get("status") == "ok", *labels, master.get("status", ""))
    yield REPLICAS.sample(number(master.get("slaves", "")) or 0, *labels)
    yield OK_REPLICAS.sample(replicas, *labels)
    known = number(master.get("sentinels", "")) or 0
    yield SENTINELS.sample(known, *labels)
    yield OK_SENTINELS.sample(sentinels, *labels)
    for field, (spec, divisor) in DETAILS.items():
        if field in details and (amount := number(text(details[field]))) is not None:
            yield spec.sample(divided(amount, divisor), *labels)
            if field == "quorum":
                # As SENTINEL CKQUORUM has it; its message is an error text and stays out.
                yield QUORUM_STATUS.sample(sentinels >= amount and 2 * sentinels > known, master["name"], "")


def _well(answer: object) -> int:
    """How many of the instances can be reached."""
    flags = (text(pairs(instance).get("flags", b"")) for instance in sequence(answer))
    return sum(not _BAD & set(words.split(",")) for words in flags)
