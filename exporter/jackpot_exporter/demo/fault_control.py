"""How a second command finds a running demo and switches its faults: a small HTTP server and a file with its address.

The file lies in the demo's own temporary folder, readable by its owner only, and goes away with it. The address takes
orders only with the word that stands in the file.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from ..errors import ExporterError, ToolError
from .fault_switches import Switches
from .programs import fetch

_FILE = "control.json"


@contextmanager
def controlled(switches: Switches, folder: Path) -> Iterator[None]:
    """Takes orders inside the block."""
    word = secrets.token_urlsafe(16)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(switches, word))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    file = folder / _FILE
    file.touch(mode=0o600)
    file.write_text(json.dumps({"url": f"http://127.0.0.1:{server.server_port}", "word": word, "pid": os.getpid()}))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()


def order(name: str, *, on: bool) -> list[str]:
    """Switch a fault of the running demo; the active faults. ToolError when there is none, or it cannot."""
    return _ask({"name": name, "on": on})


def active() -> list[str]:
    """The active faults of the running demo. ToolError when there is none."""
    return _ask(None)


def _ask(body: dict[str, Any] | None) -> list[str]:
    found = _running()
    if found is None:
        raise ToolError("no demo is running here; start one with `jackpot-exporter demo`")
    data = None if body is None else json.dumps(body).encode()
    try:
        answer = json.loads(fetch(f"{found['url']}/faults", {"X-Word": found["word"]}, data))
    except OSError as error:
        raise ToolError(f"the demo does not take the order: {error}") from None
    if "error" in answer:
        raise ToolError(answer["error"])
    names: list[str] = answer["active"]
    return names


def _running() -> dict[str, Any] | None:
    """The newest demo of this user that still runs."""
    files = Path(tempfile.gettempdir()).glob(f"jackpot-*/{_FILE}")
    for file in sorted(files, key=_changed_at, reverse=True):
        with suppress(OSError, ValueError):
            if file.stat().st_uid == os.geteuid():
                found: dict[str, Any] = json.loads(file.read_text())
                if psutil.pid_exists(found["pid"]):
                    return found
    return None


def _changed_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _handler(switches: Switches, word: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(lambda: None)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(lambda: switches.switch(body["name"], on=body["on"]))

        def _answer(self, act: Any) -> None:
            if self.path != "/faults" or not secrets.compare_digest(self.headers.get("X-Word", ""), word):
                self.send_error(404)
                return
            try:
                act()
                answer: dict[str, Any] = {"active": switches.active}
            except KeyError as error:
                answer = {"error": f"{error} is not a fault; faults are {', '.join(switches.names)}"}
            except (ExporterError, OSError) as error:
                answer = {"error": str(error)}
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Silent: the terminal belongs to the live view."""

    return Handler
