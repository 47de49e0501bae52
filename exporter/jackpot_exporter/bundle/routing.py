"""Who is told, where, how soon and how often: `routing.yaml` with a site's own values on top.

One model serves both files, so every field but the channels has a default, and what a site leaves out stays as it
was. Nothing here knows how Alertmanager writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field

from ..errors import InvalidInputError, Problem
from .durations import Duration
from .fields import DurationText
from .model import Notify, Priority, Severity

M = TypeVar("M", bound=BaseModel)

OLDEST = (0, 25)


def _version(text: str) -> str:
    if version_tuple(text) < OLDEST:
        raise ValueError(f'"{text}" is too old; 0.25 and later are known')
    return text


def version_tuple(text: str) -> tuple[int, ...]:
    """`0.33` as something to compare. ValueError when it is not a version."""
    parts = text.split(".")
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f'"{text}" is not a version; write it like 0.33')
    return tuple(map(int, parts))


Version = Annotated[str, AfterValidator(_version)]
TimeRange = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True)


class Email(_Strict):
    to: str = Field(description="one address, or several with commas")


class Slack(_Strict):
    channel: str
    url: str = Field("slack-url", description="file with the address of the incoming webhook")


class Pagerduty(_Strict):
    key: str = Field(description="file with the integration key (Events API v2)")


class Telegram(_Strict):
    chat: int
    token: str = Field("telegram-token", description="file with the bot's token")


class Webhook(_Strict):
    url: str
    credentials: str | None = Field(None, description="file with a bearer token")


class Sms(_Strict):
    """By Amazon SNS; credentials come from where Amazon's own tools look for them."""

    number: str
    region: str


class Destination(_Strict):
    """What a receiver sends; several at once are possible."""

    email: Email | None = None
    pagerduty: Pagerduty | None = None
    slack: Slack | None = None
    sms: Sms | None = None
    telegram: Telegram | None = None
    webhook: Webhook | None = None

    @property
    def is_empty(self) -> bool:
        return not any((self.email, self.pagerduty, self.slack, self.sms, self.telegram, self.webhook))


class Channel(Destination):
    """A name that alerts use, and what stands behind it; a severity may go elsewhere."""

    who: str = ""
    critical: Destination | None = None
    warning: Destination | None = None
    info: Destination | None = None

    @property
    def by_severity(self) -> dict[Severity, Destination]:
        """The severities that go elsewhere."""
        own = {Severity.CRITICAL: self.critical, Severity.WARNING: self.warning, Severity.INFO: self.info}
        return {severity: there for severity, there in own.items() if there}


class Smtp(_Strict):
    smarthost: str = "localhost:25"
    from_: str = Field("alertmanager@localhost", validation_alias=AliasChoices("from", "from_"))
    username: str = Field("", description="empty: no login")
    password: str = Field("smtp-password", description="file with the password")
    require_tls: bool = True


class Endpoints(_Strict):
    """Addresses of the services behind the channels, for gateways and for the demo."""

    pagerduty: str | None = None
    sms: str | None = None
    telegram: str | None = None
    telegram_gateway: str = Field(
        "http://localhost:8081",
        description="adds the bot's token to what is sent to /botgateway/; before 0.26 it cannot come from a file",
    )


def _reminders() -> dict[Priority, Duration]:
    return {
        Priority.P1: Duration.parse("15m"),
        Priority.P2: Duration.parse("1h"),
        Priority.P3: Duration.parse("4h"),
        Priority.P4: Duration.parse("24h"),
    }


class Timing(_Strict):
    group_wait: DurationText = Field(Duration.parse("10s"), description="waiting for twins of a new alert")
    group_interval: DurationText = Field(Duration.parse("5m"), description="where no cooldown says otherwise")
    reminders: dict[Priority, DurationText] = Field(default_factory=_reminders, description="while nothing changes")


class Digest(_Strict):
    """When alerts are told together; `times` are UTC."""

    times: tuple[TimeRange, ...]
    weekdays: tuple[str, ...] = ()
    repeat: DurationText = Field(description="a little less than the time between two")
    interval: DurationText = Field(Duration.parse("5m"), description="must fall into the times at least once")


def _digests() -> dict[Notify, Digest]:
    hours = tuple(f"{hour:02}:00-{hour:02}:10" for hour in range(24))
    nine = ("09:00-09:10",)
    return {
        Notify.HOURLY: Digest(times=hours, repeat=Duration.parse("55m")),
        Notify.DAILY: Digest(times=nine, repeat=Duration.parse("23h")),
        Notify.WEEKLY: Digest(times=nine, weekdays=("monday",), repeat=Duration.parse("167h")),
    }


class Watchdog(_Strict):
    """Who expects the alert that always fires, and calls when it stays away."""

    url: str = "http://localhost:9095/"
    credentials: str | None = None
    interval: DurationText = Field(Duration.parse("30s"), description="half the time between two messages")


class Dependency(_Strict):
    source: tuple[str, ...]
    because: str


class Routing(_Strict):
    """`routing.yaml`, and `routing:` in a site's values."""

    alertmanager_version: Version = Field("0.25", description="newer ones have keys that older ones refuse")
    secrets: str = "/etc/alertmanager/secrets"
    smtp: Smtp = Smtp()
    endpoints: Endpoints = Endpoints()
    timing: Timing = Timing()
    digests: dict[Notify, Digest] = Field(default_factory=_digests)
    watchdog: Watchdog = Watchdog()
    log: Webhook | None = Field(None, description="told of every alert that anyone is told of")
    unrouted: str = Field("email", description="the channel for alerts that name none, or an unknown one")
    channels: dict[str, Channel] = {}
    dependencies: tuple[Dependency, ...] = ()

    @property
    def who(self) -> dict[str, str]:
        """Who stands behind each channel."""
        return {name: channel.who for name, channel in self.channels.items()}

    @property
    def version(self) -> tuple[int, ...]:
        return version_tuple(self.alertmanager_version)


def merge(shipped: M, own: M) -> M:
    """`own` on top: field by field, and entry by entry in what is named."""
    update = {name: _merge(getattr(shipped, name), getattr(own, name)) for name in own.model_fields_set}
    return shipped.model_copy(update=update)


def _merge(shipped: Any, own: Any) -> Any:
    if isinstance(shipped, BaseModel) and type(shipped) is type(own):
        return merge(shipped, own)
    if isinstance(shipped, Mapping) and isinstance(own, Mapping):
        return {**shipped, **{name: _merge(shipped.get(name), value) for name, value in own.items()}}
    return own


def for_version(routing: Routing, alertmanager_version: str) -> Routing:
    """The same for another Alertmanager; InvalidInputError when there is none of this version."""
    try:
        return routing.model_copy(update={"alertmanager_version": _version(alertmanager_version)})
    except ValueError as error:
        raise InvalidInputError([Problem(f"--alertmanager-version: {error}")]) from None


def problems_of(routing: Routing) -> Iterator[Problem]:
    """What would lose a page without a word: a channel that leads nowhere."""
    for name, channel in routing.channels.items():
        if channel.is_empty:
            remedy = f"name one of {', '.join(Destination.model_fields)}"
            yield Problem(f"routing: nobody is told by the channel {name}", remedy=remedy)
    if routing.unrouted not in routing.channels:
        remedy = f"channels: {', '.join(routing.channels)}"
        yield Problem(f'routing.unrouted: there is no channel "{routing.unrouted}"', remedy=remedy)
