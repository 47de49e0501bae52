"""A small HTTP server of the shape of Grafana's API for folders, teams and permissions, holding its state in memory.

No Grafana is to be had from the package sources of this project; its container is. What this server checks is what
Grafana checks: the token, what must exist, what must not exist twice.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "grafana-token"
_Answer = tuple[int, Any]


@dataclass
class GrafanaApi:
    """What it knows, and every request that changed something."""

    url: str = ""
    teams: dict[str, int] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    permissions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)

    def get(self, path: str, query: dict[str, list[str]]) -> _Answer:
        match path.strip("/").split("/"):
            case ["api", "teams", "search"]:
                found = [{"id": number, "name": name} for name, number in self.teams.items() if [name] == query["name"]]
                return 200, {"totalCount": len(found), "teams": found}
            case ["api", "folders", uid] if uid in self.folders:
                return 200, {"uid": uid, "title": self.folders[uid]}
            case ["api", "folders", uid, "permissions"] if uid in self.folders:
                return 200, self.permissions[uid]
        return 404, {"message": "not found"}

    def post(self, path: str, body: Any) -> _Answer:
        self.writes.append(path)
        match path.strip("/").split("/"):
            case ["api", "teams"] if body["name"] not in self.teams:
                self.teams[body["name"]] = len(self.teams) + 1
                return 200, {"message": "Team created", "teamId": self.teams[body["name"]]}
            case ["api", "folders"] if body["uid"] not in self.folders:
                self.folders[body["uid"]] = body["title"]
                self.permissions[body["uid"]] = [{"role": "Viewer", "permission": 1, "teamId": 0, "userId": 0}]
                return 200, {"uid": body["uid"]}
            case ["api", "folders", uid, "permissions"] if uid in self.folders:
                self.permissions[uid] = [self._stored(item) for item in body["items"]]
                return 200, {"message": "Folder permissions updated"}
        return 409, {"message": "it exists already"}

    def _stored(self, item: dict[str, Any]) -> dict[str, Any]:
        """As Grafana gives it back: more fields, and zeros for what is absent."""
        names = {number: name for name, number in self.teams.items()}
        team = item.get("teamId", 0)
        return {"teamId": team, "userId": 0, "team": names.get(team, ""), "inherited": False, **item}


@contextmanager
def running_grafana_api() -> Iterator[GrafanaApi]:
    api = GrafanaApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._answer(lambda: api.get(parts.path, parse_qs(parts.query)))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(lambda: api.post(self.path, body))

        def _answer(self, work: Any) -> None:
            is_known = self.headers["Authorization"] == f"Bearer {TOKEN}"
            status, content = work() if is_known else (401, {"message": "Invalid API key"})
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
