"""What is read besides INFO: settings, slow log, latencies, cluster, sentinel. Each part may be refused on its own.

A refused part is left alone for a while: asking every round would fill the server's statistics of errors and its
log of access rules with what it has said before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import SourceError
from ..model import Item, MetricSpec, Note, Outcome, gauge
from . import _redis_sentinel
from ._redis_answers import integer, number, pairs, sequence, text
from ._redis_commands import CommandStatistics
from ._redis_info import Info, keyspace, numbers

if TYPE_CHECKING:
    from ..clients.redis import Answer, Command

CONFIG_MAXCLIENTS = gauge("redis_config_maxclients", "Configured limit of connections.")
CONFIG_MAXMEMORY = gauge("redis_config_maxmemory", "Configured limit of memory for data; 0 for none.")
CONFIG_IO_THREADS = gauge("redis_config_io_threads", "Configured threads for input and output.")
CONFIG_BACKLOG = gauge("redis_config_repl_backlog_size", "Configured size of the replication backlog.")
CONFIG_LIMIT = gauge(
    "redis_config_client_output_buffer_limit_bytes", "Output buffer at which a client is cut off.", "class", "limit"
)
CONFIG_LIMIT_SECONDS = gauge(
    "redis_config_client_output_buffer_limit_overcome_seconds",
    "How long a client may be over the soft limit.", "class", "limit",
)  # fmt: skip
SLOWLOG_LENGTH = gauge("redis_slowlog_length", "Entries in the slow log.")
SLOWLOG_LAST_ID = gauge("redis_slowlog_last_id", "Id of the last entry in the slow log.")
LAST_SLOW = gauge("redis_last_slow_execution_duration_seconds", "Duration of the last command in the slow log.")
LAST_SLOW_AT = gauge("redis_last_slow_execution_timestamp_seconds", "When the last command in the slow log ran.")
SPIKE_AT = gauge("redis_latency_spike_last", "When the event last took long, as a Unix time.", "event_name")
SPIKE_SECONDS = gauge("redis_latency_spike_duration_seconds", "How long the event last took.", "event_name")

METRICS: tuple[MetricSpec, ...] = (
    CONFIG_MAXCLIENTS, CONFIG_MAXMEMORY, CONFIG_IO_THREADS, CONFIG_BACKLOG, CONFIG_LIMIT, CONFIG_LIMIT_SECONDS,
    SLOWLOG_LENGTH, SLOWLOG_LAST_ID, LAST_SLOW, LAST_SLOW_AT, SPIKE_AT, SPIKE_SECONDS,
)  # fmt: skip

_CONFIG = {"maxclients": CONFIG_MAXCLIENTS, "maxmemory": CONFIG_MAXMEMORY, "io-threads": CONFIG_IO_THREADS,
           "repl-backlog-size": CONFIG_BACKLOG}  # fmt: skip
_LIMITS = "client-output-buffer-limit"
_ASK_AGAIN_SECONDS = 600.0
_MAX_EVENTS = 64


@dataclass(frozen=True, slots=True)
class Part:
    """Some commands, and what is read from their answers."""

    key: str
    commands: tuple[Command, ...]
    read: Callable[[Sequence[Answer]], Iterator[Item]]
    without: Callable[[], Iterator[Item]] = lambda: iter(())
    """What is given when the part is refused."""


class Parts:
    """The parts that a server has, and which of them it has refused."""

    def __init__(self, statistics: CommandStatistics) -> None:
        self._statistics = statistics
        self._refused: dict[str, tuple[Note, float]] = {}

    def of(self, info: Info) -> list[Part]:
        """The parts that a server of this kind and version has."""
        if info.mode == "sentinel":
            watched = _redis_sentinel.commands(info)
            return [Part("sentinel", watched, lambda answers: _redis_sentinel.read(answers, info))] if watched else []
        names = (*_CONFIG, _LIMITS, "databases")
        # Several names in one CONFIG GET need 7.0.
        config = (("CONFIG", "GET", *names),) if info.version >= (7,) else tuple(("CONFIG", "GET", n) for n in names)
        parts = [
            Part("config", config, lambda answers: _config(answers, info), lambda: keyspace(info, 1)),
            Part("slowlog", (("SLOWLOG", "LEN"), ("SLOWLOG", "GET", 1)), _slow_log),
            Part("latency latest", (("LATENCY", "LATEST"),), _spikes),
        ]
        if info.version >= (7,):
            histograms = self._statistics.histograms
            parts.append(
                Part("latency histogram", (("LATENCY", "HISTOGRAM"),), lambda answers: histograms(answers[0], info))
            )
        if info.mode == "cluster":
            parts.append(Part("cluster", (("CLUSTER", "INFO"),), lambda answers: _cluster(answers, info)))
        return parts

    def is_open(self, part: Part) -> bool:
        """Whether it is to be asked for: it was not refused lately."""
        return part.key not in self._refused or time.monotonic() >= self._refused[part.key][1]

    def read(self, part: Part, answers: Sequence[Answer | SourceError]) -> Iterator[Item]:
        """The items of a part that was asked for, or a note with the reason why there are none."""
        errors = [answer for answer in answers if isinstance(answer, SourceError)]
        items: list[Item] = []
        try:
            items += (
                part.read([answer for answer in answers if not isinstance(answer, SourceError)]) if not errors else ()
            )
        except SourceError as error:
            errors.append(error)
        if not errors:
            self._refused.pop(part.key, None)
            yield from items
            return
        command = " ".join(map(str, part.commands[0][:2]))
        need = f"; it needs {rights(part.commands)}" if errors[0].outcome is Outcome.PERMISSION else ""
        note = Note(part.key, f"{command}: {errors[0]}{need}", errors[0].outcome)
        lasting = errors[0].outcome is not Outcome.REFUSED  # LOADING passes
        self._refused[part.key] = note, time.monotonic() + (_ASK_AGAIN_SECONDS if lasting else 0)
        yield from self.skip(part)

    def skip(self, part: Part) -> Iterator[Item]:
        """What is given of a part that is refused."""
        yield self._refused[part.key][0]
        yield from part.without()


def rights(commands: Sequence[Command]) -> str:
    """What a user has to be allowed, as ACL SETUSER takes it: `+config|get`."""
    return " ".join(dict.fromkeys(f"+{'|'.join(str(word) for word in command[:2]).lower()}" for command in commands))


def _config(answers: Sequence[Answer], info: Info) -> Iterator[Item]:
    values = {name: text(value) for answer in answers for name, value in pairs(answer).items()}
    for name, spec in _CONFIG.items():
        if (amount := number(values.get(name, ""))) is not None:
            yield spec.sample(amount)
    words = values.get(_LIMITS, "").split()
    for kind, hard, soft, seconds in zip(words[::4], words[1::4], words[2::4], words[3::4], strict=False):
        yield CONFIG_LIMIT.sample(number(hard) or 0, kind, "hard")
        yield CONFIG_LIMIT.sample(number(soft) or 0, kind, "soft")
        yield CONFIG_LIMIT_SECONDS.sample(number(seconds) or 0, kind, "soft")
    yield from keyspace(info, int(number(values.get("databases", "")) or 1))


def _slow_log(answers: Sequence[Answer]) -> Iterator[Item]:
    length, entries = integer(answers[0]), sequence(answers[1])
    last = sequence(entries[0], 3) if entries else [0, None, 0]
    yield SLOWLOG_LENGTH.sample(length)
    yield SLOWLOG_LAST_ID.sample(integer(last[0]))
    yield LAST_SLOW.sample(integer(last[2]) / 1e6)
    if last[1] is not None:
        yield LAST_SLOW_AT.sample(integer(last[1]))


def _spikes(answers: Sequence[Answer]) -> Iterator[Item]:
    events = [sequence(event, 3) for event in sequence(answers[0])[:_MAX_EVENTS]]
    for name, event in {text(event[0]): event for event in events}.items():
        yield SPIKE_AT.sample(integer(event[1]), name)
        yield SPIKE_SECONDS.sample(integer(event[2]) / 1e3, name)


def _cluster(answers: Sequence[Answer], info: Info) -> Iterator[Item]:
    fields = dict(line.partition(":")[::2] for line in text(answers[0]).splitlines())
    yield from numbers({field: value for field, value in fields.items() if field not in info.fields})
