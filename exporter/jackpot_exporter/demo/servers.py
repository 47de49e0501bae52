"""The real servers that the demo and the tests run against, in one place to import them from."""

from .pgbouncer import PgBouncerServer
from .postgres import PostgresServer
from .process import ServerProcess, free_port
from .prometheus import AlertmanagerServer, PrometheusServer
from .redis import RedisServer

__all__ = [
    "AlertmanagerServer",
    "PgBouncerServer",
    "PostgresServer",
    "PrometheusServer",
    "RedisServer",
    "ServerProcess",
    "free_port",
]
