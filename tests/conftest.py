"""Real servers as fixtures. Shared ones live for the session; a test that hurts its server takes a private one."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from typing import Any

import pytest

from harness.exporter import ExporterProcess
from harness.proxy import FaultProxy
from harness.workers import begin_with_the_longest, is_worker, settle_in
from jackpot_exporter.demo.servers import AlertmanagerServer, PostgresServer, PrometheusServer, RedisServer
from jackpot_exporter.redaction import redact


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test's own on the shared server."""

    server: PostgresServer
    name: str
    dsn: str

    def execute(self, statement: str, parameters: Sequence[object] | None = None) -> list[Any]:
        """Run SQL as the superuser and return the rows, if there are any."""
        return self.server.execute(statement, parameters, database=self.name)


def pytest_configure(config: pytest.Config) -> None:
    if is_worker(config):
        settle_in()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if is_worker(config):
        begin_with_the_longest(items)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a command does to logging when it runs in this process ends with its test."""
    loggers = logging.getLogger(), logging.getLogger("jackpot_exporter")
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)  # not by assignment: loggers remember what is enabled


@pytest.fixture(autouse=True)
def secrets_as_before() -> Iterator[None]:
    """What one test takes for a secret may be an ordinary word of another."""
    known = {name: copy(value) for name, value in vars(redact).items()}
    yield
    vars(redact).update(known)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The shared PostgreSQL: make databases and roles, but never stop, lock or reconfigure it."""
    with PostgresServer(settings={"max_connections": 100}) as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    """A fresh database on the shared PostgreSQL."""
    name = f"test_{secrets.token_hex(6)}"
    yield Database(postgres, name, postgres.create_database(name))
    postgres.drop_database(name)


@pytest.fixture
def postgres_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL that the test may lock, stop, pause and kill."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """The shared Redis, emptied: never stop or reconfigure it."""
    with shared_redis.client() as client:
        client.flushall()
        client.config_resetstat()
    return shared_redis


@pytest.fixture
def private_redis() -> Iterator[RedisServer]:
    """A private Redis that the test may stop, pause and kill."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """Closes after the test what the test enters into it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def prometheus(closing: ExitStack) -> Callable[..., PrometheusServer]:
    """Starts a Prometheus: `prometheus(config, version=3)`."""

    def start(config: Mapping[str, Any], **options: Any) -> PrometheusServer:
        return closing.enter_context(PrometheusServer(config, **options))

    return start


@pytest.fixture
def alertmanager(closing: ExitStack) -> Callable[..., AlertmanagerServer]:
    """Starts an Alertmanager: `alertmanager(config, version="current")`."""

    def start(config: Mapping[str, Any], **options: Any) -> AlertmanagerServer:
        return closing.enter_context(AlertmanagerServer(config, **options))

    return start


@pytest.fixture
def exporter(closing: ExitStack) -> Callable[..., ExporterProcess]:
    """Starts the exporter: `exporter({"postgres": {"dsn": ...}})`."""

    def start(settings: Mapping[str, Any] | str | None = None, *arguments: str, **options: Any) -> ExporterProcess:
        return closing.enter_context(ExporterProcess(settings, *arguments, **options))

    return start


@pytest.fixture
def proxy_to(closing: ExitStack) -> Callable[[int], FaultProxy]:
    """Puts a proxy in front of a port of 127.0.0.1: `proxy_to(postgres.port).mute()`."""

    def start(port: int) -> FaultProxy:
        return closing.enter_context(FaultProxy(port))

    return start
