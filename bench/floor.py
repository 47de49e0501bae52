"""The least a scrape can cost in Python: ready bytes over a kept connection, and nothing else.

Run as `python -m bench.floor PORT PLAIN GZIPPED`, the names of two files with the bodies.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from jackpot_exporter.demo.programs import fetch
from jackpot_exporter.demo.servers import ServerProcess


class Floor(ServerProcess):
    """A server that answers what the exporter at `url` answers now, for ever."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def prepare(self) -> None:
        for name, encoding in (("plain", "identity"), ("gzipped", "gzip")):
            (self.folder / name).write_bytes(fetch(self._url, {"Accept-Encoding": encoding}))

    def command(self) -> list[str]:
        bodies = [str(self.folder / name) for name in ("plain", "gzipped")]
        root = str(Path(__file__).parent.parent)
        python = ["/usr/bin/env", f"PYTHONPATH={root}", sys.executable]
        return [*python, "-m", __name__, str(self.port), *bodies]

    def is_ready(self) -> bool:
        try:
            return bool(fetch(f"http://127.0.0.1:{self.port}/metrics"))
        except OSError:
            return False


class _Answers(asyncio.Protocol):
    def __init__(self, plain: bytes, gzipped: bytes) -> None:
        self._plain = plain
        self._gzipped = gzipped

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a TCP server
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            body = self._gzipped if b"ncoding: gzip" in data else self._plain
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
            self._transport.write(body)


async def _serve(port: int, plain: bytes, gzipped: bytes) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Answers(plain, gzipped), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    port, plain, gzipped = sys.argv[1:]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(int(port), Path(plain).read_bytes(), Path(gzipped).read_bytes()))


if __name__ == "__main__":
    main()
