"""A page of metrics that a test writes and a real Prometheus scrapes."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Signals:
    """`signals["jackpot_up{service=\\"a\\"}"] = 0` shows at the next scrape; `del` takes it away."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}
        signals = self

        class _Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = signals.text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
        self.target = f"127.0.0.1:{self._server.server_port}"

    def text(self) -> str:
        return "".join(f"{series} {value}\n" for series, value in dict(self._values).items())

    def __setitem__(self, series: str, value: float) -> None:
        self._values[series] = value

    def __delitem__(self, series: str) -> None:
        del self._values[series]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
