"""Settings: what may stand in the file, checked once and frozen. `settings` reads them.

The sources (PostgreSQL, Redis) are described here. What a collector needs beyond its source is described by
the collector itself and composed into one model by `compose`, so that adding a collector stays one file.
Nothing is connected to and no secret file is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    create_model,
    model_validator,
)

from . import yamlfile

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y))")
_DURATION_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_LOGIN = r"(?:[^\s/?#]*@)?"
_PORT = r"(?::(?:6553[0-5]|655[0-2]\d|65[0-4]\d\d|6[0-4]\d{3}|[1-5]?\d{1,4}))?"
_HOST = rf"(?:\[[0-9a-fA-F:.]+\]|[^\s/@:,\[\]]+){_PORT}"
_HOSTS = rf"{_HOST}(?:,{_HOST})*"
_REDIS_URL = re.compile(
    rf"unix://{_LOGIN}/\S+|rediss?://{_LOGIN}(?:{_HOSTS})?(?:/\d*)?(?:\?\S*)?|sentinels?://{_LOGIN}{_HOSTS}/[^\s/?]+(?:\?\S*)?"
)
_NAMESPACE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")


def parse_duration(value: Any) -> float:
    """Seconds from a number or from Prometheus' notation: 15s, 500ms, 1m30s. ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("not a duration; write 15s, 500ms or 1m30s")
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            raise ValueError("not a duration; write 15s, 500ms or 1m30s")
        value = sum(float(number) * _DURATION_SECONDS[unit] for number, unit in parts)
    if not 0 < value < 10**9:
        raise ValueError("a duration must be above zero")
    return float(value)


def _check_namespace(value: str) -> str:
    if not _NAMESPACE.match(value):
        raise ValueError("a namespace is letters, digits and _, and does not begin with a digit")
    return value


Seconds = Annotated[float, BeforeValidator(parse_duration)]
Namespace = Annotated[str, AfterValidator(_check_namespace)]


class Section(BaseModel):
    """Base of every block of settings: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_block(cls, value: Any) -> Any:
        """`redis:` with nothing behind it is a block of defaults."""
        return {} if value is None else value


class Source(Section):
    """Base of the blocks that name something to connect to: without the block, its collectors do not run."""


class Schedule(Section):
    """What every collector can be told about its own running."""

    enabled: bool = Field(True, description="false switches this collector off")
    interval: Seconds | None = Field(None, description="time between two collections; default: `interval` above")
    timeout: Seconds | None = Field(
        None, description="deadline of one collection; default: 2/3 of the interval, 10s at most"
    )
    stale_after: Seconds | None = Field(None, description="age at which old values leave; default: three intervals")


class PostgresSource(Source):
    """A PostgreSQL server. Without `dsn`, libpq's own environment (PGHOST, PGUSER, ...) is used."""

    dsn: str | None = Field(None, description="postgresql://user@host:5432/database, or libpq's key=value form")
    dsn_file: Path | None = Field(None, description="file that holds the DSN, re-read at each connect")
    password_file: Path | None = Field(None, description="file that holds the password, re-read at each connect")
    connect_timeout: Seconds = Field(3.0, description="limit for one connection attempt")
    lock_timeout: Seconds = Field(0.25, description="limit for waiting on a lock; set on the server")

    @model_validator(mode="after")
    def _one_dsn(self) -> Self:
        if self.dsn is not None and self.dsn_file is not None:
            raise ValueError("dsn and dsn_file exclude each other")
        if self.dsn is not None and not re.match(r"postgres(?:ql)?://|\s*\w+\s*=", self.dsn):
            raise ValueError("dsn must begin with postgresql:// or be key=value pairs")
        return self


class RedisSource(Source):
    """A Redis server: by its address, through sentinels, or any node of a cluster."""

    url: str = Field(
        description="redis://host:6379 (rediss:// for TLS; several hosts: the first that answers),"
        " unix:///path/to.sock, or sentinel://host:26379,host:26379/master (sentinels:// for TLS)"
    )
    username: str | None = Field(None, description="ACL user")
    password_file: Path | None = Field(None, description="file that holds the password, re-read at each connect")
    sentinel_password_file: Path | None = Field(None, description="file that holds the password of the sentinels")
    ca_file: Path | None = Field(None, description="certificates to trust; default: those of the system")
    cert_file: Path | None = Field(None, description="certificate to show")
    key_file: Path | None = Field(None, description="its key")
    connect_timeout: Seconds = Field(3.0, description="limit for one connection attempt")

    @model_validator(mode="after")
    def _known_url(self) -> Self:
        if not _REDIS_URL.fullmatch(self.url):
            raise ValueError("url must begin with redis://, rediss://, unix:// or sentinel:// and name hosts or a path")
        if any((self.ca_file, self.cert_file, self.key_file)) and not self.url.startswith(("rediss:", "sentinels:")):
            raise ValueError("ca_file, cert_file and key_file need rediss:// or sentinels://")
        return self


class TargetBase(Section):
    """What every monitored deployment has, whichever collectors exist."""

    packs: tuple[str, ...] = Field(
        (), description="systems to watch: names of packs that come with the exporter, or folders (./my-pack)"
    )
    namespace: Namespace = Field("jackpot", description="first word of the families that are about this service")
    interval: Seconds = Field(15.0, description="default time between two collections")
    state_dir: Path | None = Field(
        None, description="folder for what must outlive a restart (positions in logs); without it, nothing does"
    )


class WebSettings(Section):
    """The HTTP server."""

    enable_reload: bool = Field(False, description="answer POST /-/reload; SIGHUP always works")
    alertmanager_url: str | None = Field(None, description="asked for the JSON of /alerts and /dashboard")
    prometheus_url: str | None = Field(None, description="asked for the JSON of /alerts and /dashboard")
    bearer_token_file: Path | None = Field(
        None, description="file with a token that is taken besides users and passwords, re-read when it changes"
    )
    allowed_networks: tuple[IPvAnyNetwork, ...] = Field((), description="who may ask; default: everybody")
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field((), description="whose X-Forwarded-For is believed")
    max_connections: int = Field(512, ge=8, description="limit; half of the file descriptors is another")
    max_requests: int = Field(40, ge=1, description="requests answered at a time")
    max_viewers: int = Field(
        20, ge=0, description="viewers of the live page and of the dashboard's WebSocket at a time"
    )
    read_timeout: Seconds = Field(10.0, description="limit for a request to arrive, and for a TLS handshake")
    write_timeout: Seconds = Field(60.0, description="limit for an answer to be read")
    idle_timeout: Seconds = Field(150.0, description="limit for a connection to wait for its next request")


class CollectorSection(NamedTuple):
    """Where a collector's settings stand (`("postgres", "locks")`) and what they may hold."""

    way: tuple[str, ...]
    model: type[Schedule]
    many: bool = False
    """True when the section is a list of such blocks, which run as one."""
    named: bool = False
    """True when the section maps names to such blocks, each of which runs by itself."""

    @property
    def is_optional(self) -> bool:
        """Whether nothing runs without the block."""
        model: type[BaseModel] = self.model
        return self.many or self.named or issubclass(model, Source) or len(self.way) > 1

    def runs(self, name: str, settings: Any) -> Iterator[tuple[str, Any, Schedule]]:
        """What runs by itself of the collector `name`: its own name, its settings and its schedule."""
        if self.named:
            yield from ((f"{name}_{key}", {key: block}, block) for key, block in settings.items() if block.enabled)
        elif self.many:
            yield name, settings, shared_schedule(settings)
        elif settings.enabled:
            yield name, settings, settings

    def blocks(self, settings: Any) -> Iterator[tuple[yamlfile.Keys, Schedule]]:
        """Every single block, and the steps that lead to it from the section."""
        if self.named:
            yield from (((key,), block) for key, block in settings.items())
        elif self.many:
            yield from (((index,), block) for index, block in enumerate(settings))
        else:
            yield (), settings


class Settings(NamedTuple):
    """Checked settings: the main deployment, further ones by name, and the HTTP server."""

    main: TargetBase
    targets: Mapping[str, TargetBase]
    web: WebSettings


def section(target: TargetBase, way: tuple[str, ...]) -> Any:
    """The block at `way`, or None when it, or one above it, is not there."""
    value: Any = target
    for step in way:
        value = getattr(value, step, None)
    return value


def compose(sections: Sequence[CollectorSection]) -> type[TargetBase]:
    """One model that holds the blocks of all collectors, each at its way."""
    target: type[TargetBase] = _compose(TargetBase, "Target", (), {s.way: s for s in sections})
    return target


def _compose(base: Any, name: str, way: tuple[str, ...], sections: Mapping[tuple[str, ...], CollectorSection]) -> Any:
    children = sorted({s[: len(way) + 1] for s in sections if len(s) > len(way) and s[: len(way)] == way})
    fields: dict[str, Any] = {}
    for child in children:
        own = sections.get(child)
        if own is None:
            raise ValueError(f"no collector owns the settings at {'.'.join(child)}")
        model: Any = _compose(own.model, name + child[-1].title(), child, sections)
        if own.named:
            fields[child[-1]] = (dict.__class_getitem__((str, model)), {})
        elif own.many:
            fields[child[-1]] = (tuple.__class_getitem__((model, ...)), ())
        elif issubclass(model, Source):
            fields[child[-1]] = (model, None)
        else:
            fields[child[-1]] = (model, model())
    return create_model(name, __base__=base, __doc__=base.__doc__, **fields) if fields else base


class Timing(NamedTuple):
    """When a collector runs, in seconds."""

    interval: float
    timeout: float
    stale_after: float


def timing(target: TargetBase, schedule: Schedule) -> Timing:
    """The collector's own schedule, filled from the target's defaults."""
    interval = schedule.interval or target.interval
    return Timing(
        interval,
        schedule.timeout or min(10.0, interval * 2 / 3),
        schedule.stale_after or 3 * interval,
    )


def shared_schedule(blocks: Sequence[Schedule]) -> Schedule:
    """That of a collector with a list of blocks, which runs as one: the shortest time that any of them names."""

    def shortest(name: str) -> float | None:
        return min((value for block in blocks if (value := getattr(block, name)) is not None), default=None)

    return Schedule(interval=shortest("interval"), timeout=shortest("timeout"), stale_after=shortest("stale_after"))


def read_secret(path: Path) -> str:
    """The first line of a secret file. OSError when it cannot be read."""
    return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
