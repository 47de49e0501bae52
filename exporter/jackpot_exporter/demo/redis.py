"""A real Redis of our own, without persistence."""

from __future__ import annotations

from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from ..tools import find
from .process import ServerProcess


class RedisServer(ServerProcess):
    """Redis on a port and a Unix socket; `arguments` are added to its command line."""

    def __init__(
        self,
        *arguments: str,
        version: str | int | None = None,
        password: str | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(port=port)
        self.version = version
        self.password = password
        self.arguments = arguments

    @property
    def socket_path(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        login = f":{self.password}@" if self.password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    def client(self) -> Redis:
        """A client for it; the caller closes it."""
        return Redis.from_url(self.url, socket_timeout=5, decode_responses=True)

    def command(self) -> list[str]:
        fixed = ["--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", str(self.socket_path)]
        volatile = ["--dir", str(self.folder), "--save", "", "--appendonly", "no", "--daemonize", "no"]
        login = ["--requirepass", self.password] if self.password else []
        return [str(find("redis-server", self.version)), *fixed, *volatile, *login, *self.arguments]

    def is_ready(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False
