"""The command `grafana access`: folders and their permissions, through Grafana's HTTP API.

Exit status: 0 done, or nothing to do; 1 with --check when something differs, or Grafana does not do what it is asked;
2 the file is wrong.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import click

from ..errors import InvalidInputError, ToolError
from .access import DEFAULT, bring_into_line, load_access

_DEADLINE_SECONDS = 10


class HttpApi:
    """Grafana at an address, as whoever a service account's token says."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token

    def get(self, path: str, **query: str) -> Any:
        return self._call("GET", f"{path}?{urllib.parse.urlencode(query)}" if query else path)

    def post(self, path: str, body: object) -> Any:
        return self._call("POST", path, json.dumps(body).encode())

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(  # noqa: S310 - the command takes http and https only
            self._url + path, method=method, data=body, headers=headers
        )
        try:
            with urllib.request.urlopen(request, timeout=_DEADLINE_SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404 and method == "GET":
                return None
            raise ToolError(f"{method} {path}: {error.code} {_reason(error)}") from None
        except (OSError, ValueError) as error:
            raise ToolError(f"{self._url} does not answer as Grafana does: {error}") from None


def _reason(error: urllib.error.HTTPError) -> str:
    with error:
        text = error.read(2000).decode(errors="replace")
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text or str(error.reason)


def _http(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if urllib.parse.urlsplit(value).scheme not in ("http", "https"):
        raise click.BadParameter(f"{value!r} must begin with http:// or https://")
    return value


@click.group()
def grafana() -> None:
    """What files cannot provision in Grafana."""


@grafana.command()
@click.option("--url", required=True, callback=_http, help="Grafana's address, as http://localhost:3000")
@click.option("--token-file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--file", "file", type=click.Path(path_type=Path), default=DEFAULT, help="Folders and rights of your own."
)
@click.option("--check", is_flag=True, help="Only say what would be changed.")
def access(url: str, token_file: Path, file: Path, *, check: bool) -> None:
    """Make folders and teams, and set who may use which folder. Changes only what is not right already."""
    try:
        wanted = load_access(file)
        changes = bring_into_line(HttpApi(url, token_file.read_text().strip()), wanted.folders, check=check)
    except InvalidInputError as error:
        click.echo(error, err=True)
        sys.exit(2)
    except ToolError as error:
        click.echo(error, err=True)
        sys.exit(1)
    for change in changes or ["nothing to do"]:
        click.echo(change)
    sys.exit(1 if check and changes else 0)
