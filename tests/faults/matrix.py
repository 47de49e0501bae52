"""The faults, as a table: what is broken and how, who must notice, and with which reasons.

A row says what is done to the rig and how it is undone, and nothing about how that is measured.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

import psycopg
from redis.exceptions import RedisError

from faults.rig import POSTGRES_CONNECTIONS, SOURCES, TLS, Rig, name_of
from harness.monitor import ROLE
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.model import Outcome

Deed = Callable[[Rig], None]
_HTTP: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_SSH: Final = b"SSH-2.0-OpenSSH_9.2p1\r\n"
_UNAUTHORIZED: Final = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

REFUSED, TIMEOUT, BAD_DATA, AUTH = Outcome.REFUSED, Outcome.TIMEOUT, Outcome.BAD_DATA, Outcome.AUTH


@dataclass(frozen=True)
class Row:
    """One fault of one source. `reasons` are those that tell what it is."""

    source: str
    fault: str
    begin: Deed
    end: Deed
    reasons: frozenset[Outcome]
    target: str = ""
    only: frozenset[str] = frozenset()
    """The collectors that are hurt, when it is not all that read the source."""
    answers: bool = False
    """Whether the source answers all the same, and so is up."""

    @property
    def name(self) -> str:
        return f"{self.source}: {self.fault}"


def rows() -> list[Row]:
    """Every row, in the order of the document."""
    return [*_on_the_line(), *_of_the_process(), *_of_the_server()]


# --- between the exporter and the server ------------------------------------------------------------------------


def _on_the_line() -> Iterator[Row]:
    for source in SOURCES:
        strange = _HTTP if source in ("postgres", "pgbouncer", "redis") else _SSH
        reset = REFUSED if source in ("postgres", "pgbouncer", "redis") else BAD_DATA
        yield _line(source, "refuses", lambda line: line.refuse(), REFUSED)
        yield _line(source, "accepts and says nothing", lambda line: line.mute(), TIMEOUT)
        yield _line(source, "is cut in mid-answer", lambda line: line.cut(40), REFUSED, reset)
        yield _line(source, "drips", lambda line: line.drip(20), TIMEOUT)
        yield _line(source, "talks garbage", lambda line: line.garble(), BAD_DATA, TIMEOUT)
        yield _line(source, "is something else", partial(_impersonate, strange), BAD_DATA)
        yield Row(source, "network is cut", partial(_cut, source), partial(_mend, source), frozenset({TIMEOUT}))
        yield Row(source, "name is gone", partial(_forget, source), partial(_learn, source), frozenset({REFUSED}))
        expire, renew = partial(_show_expired, source), partial(_show_valid, source)
        yield Row(source, "certificate has expired", expire, renew, frozenset({REFUSED}), TLS)


def _line(source: str, fault: str, spoil: Callable[..., None], *reasons: Outcome) -> Row:
    begin = partial(_spoil, source, spoil)
    return Row(source, fault, begin, partial(_pass_through, source), frozenset(reasons))


def _spoil(source: str, spoil: Callable[..., None], rig: Rig) -> None:
    spoil(rig.lines[source])


def _impersonate(answer: bytes, line: object) -> None:
    line.impersonate(answer)  # type: ignore[attr-defined]


def _pass_through(source: str, rig: Rig) -> None:
    rig.lines[source].pass_through()


def _cut(source: str, rig: Rig) -> None:
    """Where no network of our own can be had, the proxy is as silent as a cut cable is."""
    if source in rig.cables:
        rig.cables[source].cut()
    else:
        rig.lines[source].mute()


def _mend(source: str, rig: Rig) -> None:
    if source in rig.cables:
        rig.cables[source].mend()
    else:
        rig.lines[source].pass_through()


def _forget(source: str, rig: Rig) -> None:
    """Connections that are open outlive their name: they are ended."""
    rig.exporter.forget(name_of(source))
    rig.lines[source].sever()


def _learn(source: str, rig: Rig) -> None:
    rig.exporter.learn(name_of(source))


def _show_expired(source: str, rig: Rig) -> None:
    rig.fronts[source].show(rig.expired)


def _show_valid(source: str, rig: Rig) -> None:
    rig.fronts[source].show(rig.valid)


# --- what a process can suffer ----------------------------------------------------------------------------------


def _of_the_process() -> Iterator[Row]:
    for source in ("postgres", "pgbouncer", "redis", "service"):
        start = partial(_start, source)
        yield Row(source, "is restarted", partial(_stop, source), start, frozenset({REFUSED}))
        yield Row(source, "is killed (SIGKILL)", partial(_kill, source), start, frozenset({REFUSED}))
        yield Row(source, "hangs (SIGSTOP)", partial(_pause, source), partial(_resume, source), frozenset({TIMEOUT}))


def _start(source: str, rig: Rig) -> None:
    rig.process(source).start()


def _stop(source: str, rig: Rig) -> None:
    process = rig.process(source)
    if isinstance(process, PostgresServer):
        process.shut_down("fast")
    else:
        process.stop()


def _kill(source: str, rig: Rig) -> None:
    rig.process(source).kill()


def _pause(source: str, rig: Rig) -> None:
    rig.process(source).pause()


def _resume(source: str, rig: Rig) -> None:
    rig.process(source).resume()


# --- what a server that works can do to us ----------------------------------------------------------------------


def _of_the_server() -> Iterator[Row]:
    lock = _Held(_lock_pools)
    yield Row(
        "postgres",
        "table is locked",
        lock.begin,
        lock.end,
        frozenset({TIMEOUT}),
        only=frozenset({"pools"}),
        answers=True,
    )
    busy = _Held(_run_script)
    yield Row("redis", "runs a script without end", busy.begin, busy.end, frozenset({TIMEOUT}))
    for source, crowd in _CROWDS.items():
        held = _Held(crowd)
        yield Row(source, "is out of connections", held.begin, held.end, frozenset({REFUSED}))
    for source, rotate in _ROTATIONS.items():
        change = _Rotation(source, rotate)
        answers = source == "service"  # HTTP has a status for it; elsewhere nothing comes before the login
        yield Row(source, "has a new password", change.begin, change.end, frozenset({AUTH}), answers=answers)


class _Held:
    """A fault that lasts as long as something is held."""

    def __init__(self, hold: Callable[[Rig, ExitStack], None]) -> None:
        self._hold = hold
        self._stack = ExitStack()

    def begin(self, rig: Rig) -> None:
        self._hold(rig, self._stack)

    def end(self, _: Rig) -> None:
        self._stack.close()


def _lock_pools(rig: Rig, held: ExitStack) -> None:
    locker = held.enter_context(rig.server.connect())
    locker.execute("begin; lock table jackpots in access exclusive mode")


def _run_script(rig: Rig, held: ExitStack) -> None:
    """A script that does not end makes Redis answer BUSY to everybody else."""
    client = held.enter_context(rig.redis.client())
    client.config_set("busy-reply-threshold", 10)
    runner = threading.Thread(target=_run_until_killed, args=(rig,))
    runner.start()
    held.callback(runner.join)
    held.callback(client.script_kill)


def _run_until_killed(rig: Rig) -> None:
    with rig.redis.client() as client:
        try:
            client.eval("while true do end", 0)
        except RedisError:
            return


def _crowd_postgres(rig: Rig, held: ExitStack) -> None:
    """Others take every connection, ours among them."""
    dsn = rig.server.dsn_of(user="crowd", password="crowd")
    rig.server.execute("drop role if exists crowd; create role crowd login password 'crowd'")
    rig.lines["postgres"].refuse()
    for _ in range(POSTGRES_CONNECTIONS):
        try:
            held.enter_context(psycopg.connect(dsn))
        except psycopg.OperationalError:
            break
    rig.lines["postgres"].pass_through()


def _crowd_redis(rig: Rig, held: ExitStack) -> None:
    client = held.enter_context(rig.redis.client())
    client.config_set("maxclients", 1)
    held.callback(client.config_set, "maxclients", 1000)
    rig.lines["redis"].sever()


_CROWDS: Final[Mapping[str, Callable[[Rig, ExitStack], None]]] = {
    "postgres": _crowd_postgres,
    "redis": _crowd_redis,
}


class _Rotation:
    """The server has a new password at once, the exporter's file has it at the end."""

    def __init__(self, source: str, rotate: Callable[[Rig, str], None]) -> None:
        self._source = source
        self._rotate = rotate
        self._secret = ""

    def begin(self, rig: Rig) -> None:
        self._secret = rig.rotate(self._source)
        self._rotate(rig, self._secret)
        rig.lines[self._source].sever()

    def end(self, rig: Rig) -> None:
        rig.write_secret(self._source, self._secret)


def _rotate_postgres(rig: Rig, secret: str) -> None:
    rig.server.execute(f"alter role {ROLE} password '{secret}'")


def _rotate_pgbouncer(rig: Rig, secret: str) -> None:
    rig.bouncer.users[ROLE] = secret
    rig.bouncer.prepare()
    with psycopg.connect(rig.bouncer.admin_dsn, autocommit=True) as console:
        psycopg.ClientCursor(console).execute("reload")


def _rotate_redis(rig: Rig, _: str) -> None:
    rig.give_redis_its_user()


def _rotate_service(rig: Rig, secret: str) -> None:
    """A gateway before the service that wants a token."""
    rig.lines["service"].demand(f"Bearer {secret}".encode(), _UNAUTHORIZED)


_ROTATIONS: Final[Mapping[str, Callable[[Rig, str], None]]] = {
    "postgres": _rotate_postgres,
    "pgbouncer": _rotate_pgbouncer,
    "redis": _rotate_redis,
    "service": _rotate_service,
}
