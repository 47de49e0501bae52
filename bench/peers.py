"""The field's exporters as processes, set up as their documentation says."""

from __future__ import annotations

import urllib.request
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml

from jackpot_exporter.demo.servers import ServerProcess
from jackpot_exporter.tools import CURRENT, find

# Without a proxy, and more patient than the demo: with 100,000 pools an answer takes seconds.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

POSTGRES, REDIS, NODE, SQL = "postgres_exporter", "redis_exporter", "node_exporter", "sql_exporter"
MTAIL = "mtail"

POOL_VALUES = (
    "current_amount", "total_contributions", "total_wins", "last_won_amount", "last_won_at", "version", "created_at",
    "updated_at",
)  # fmt: skip
"""What all read of a pool; the exporter has its state on top, which the others cannot say."""


def _pool_query(*, as_float: bool) -> str:
    cast = "::float8" if as_float else ""
    columns = [
        f"extract(epoch from {name}){cast} as {name}" if name.endswith("_at") else f"{name}{cast}"
        for name in POOL_VALUES
    ]
    return f'select "group"::text as pool, {", ".join(columns)} from public.jackpots order by 1'  # noqa: S608 - constants


class Peer(ServerProcess):
    """One of the field's exporters."""

    program = ""
    serves = b""  # what must stand in an answer that has the data
    start_seconds = 120.0

    @abstractmethod
    def arguments(self) -> list[str]: ...

    def environment(self) -> Mapping[str, str]:
        return {}

    def command(self) -> list[str]:
        environment = [f"{name}={value}" for name, value in self.environment().items()]
        return ["/usr/bin/env", *environment, str(find(self.program, CURRENT)), *self.arguments()]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"

    def is_ready(self) -> bool:
        try:
            with _DIRECT.open(self.url, timeout=60) as answer:
                return self.serves in answer.read()
        except OSError:
            return False

    @property
    def _listen(self) -> str:
        return f"--web.listen-address=127.0.0.1:{self.port}"


class PostgresExporter(Peer):
    """With its default collectors, and a query for the pools."""

    program = "prometheus-postgres-exporter"

    def __init__(self, dsn: str, *options: str, pools: bool = False) -> None:
        super().__init__()
        self._dsn = dsn
        self._options = options
        self._pools = pools
        self.serves = b"\npools_current_amount{" if pools else b"\npg_up 1\n"

    def prepare(self) -> None:
        values: list[object] = [{name: {"usage": "GAUGE", "description": name}} for name in POOL_VALUES]
        metrics = [{"pool": {"usage": "LABEL", "description": "pool"}}, *values]
        query = {"pools": {"query": _pool_query(as_float=False), "metrics": metrics}}
        (self.folder / "queries.yaml").write_text(yaml.safe_dump(query))

    def environment(self) -> Mapping[str, str]:
        return {"DATA_SOURCE_NAME": f"{self._dsn}?sslmode=disable"}

    def arguments(self) -> list[str]:
        queries = [f"--extend.query-path={self.folder / 'queries.yaml'}"] if self._pools else []
        return [self._listen, "--log.level=error", *queries, *self._options]


class RedisExporter(Peer):
    """With its defaults."""

    program = "prometheus-redis-exporter"
    serves = b"\nredis_up 1\n"

    def __init__(self, url: str) -> None:
        super().__init__()
        self._redis_url = url

    def arguments(self) -> list[str]:
        return [self._listen, f"--redis.addr={self._redis_url}"]


class NodeExporter(Peer):
    """With its default collectors, or with the options given."""

    program = "prometheus-node-exporter"

    def __init__(self, *options: str) -> None:
        super().__init__()
        self._options = options

    def arguments(self) -> list[str]:
        return [self._listen, "--log.level=error", *self._options]


class SqlExporter(Peer):
    """With one query for the pools, run in the background."""

    program = "prometheus-sql-exporter"
    serves = b"\nsql_pools{"

    def __init__(self, dsn: str, interval: str) -> None:
        super().__init__()
        self._dsn = dsn
        self._interval = interval

    def prepare(self) -> None:
        query = {
            "name": "pools",
            "help": "Pools.",
            "labels": ["pool"],
            "values": list(POOL_VALUES),
            "query": _pool_query(as_float=True),
        }
        connections = [self._dsn.replace("postgresql://", "postgres://") + "?sslmode=disable"]
        job = {"name": "pools", "interval": self._interval, "connections": connections, "queries": [query]}
        (self.folder / "config.yml").write_text(yaml.safe_dump({"jobs": [job]}))

    def arguments(self) -> list[str]:
        address = f"-web.listen-address=127.0.0.1:{self.port}"
        return [f"-config.file={self.folder / 'config.yml'}", address]


_MTAIL_PROGRAM = r"""
counter operations_total by operation, action
histogram operation_duration_seconds by operation buckets %s
/"operation":"jackpot_(?P<operation>\w+)".*"duration":(?P<duration>\d+\.\d+).*"action":"(?P<action>SUCCESS|ERROR)"/ {
  operations_total[$operation][$action]++
  operation_duration_seconds[$operation] = $duration / 1000.0
}
"""


class Mtail(Peer):
    """The usual exporter of logs, with a program that counts what ours does of an operation; `log` must be there."""

    program = MTAIL
    serves = b"mtail_lines_total "

    def __init__(self, log: Path, buckets: Sequence[float]) -> None:
        super().__init__()
        self._log = log
        self._buckets = buckets

    def prepare(self) -> None:
        text = _MTAIL_PROGRAM % ", ".join(f"{bound:g}" for bound in self._buckets)
        (self.folder / "operations.mtail").write_text(text)

    def arguments(self) -> list[str]:
        places = ["--progs", str(self.folder), "--logs", str(self._log), "--log_dir", str(self.folder)]
        return ["--address", "127.0.0.1", "--port", str(self.port), *places]


def all_peers(dsn: Callable[[str], str], redis_url: str, sql_interval: str) -> dict[str, Peer]:
    """One of each, to be entered; `dsn` gives the address for a role, `sql_interval` is sql_exporter's own."""
    return {
        POSTGRES: PostgresExporter(dsn(POSTGRES)),
        REDIS: RedisExporter(redis_url),
        NODE: NodeExporter(),
        SQL: SqlExporter(dsn(SQL), sql_interval),
    }
