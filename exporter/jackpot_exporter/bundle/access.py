"""Who may do what with Grafana's folders: what is wanted, what is there, and the difference.

Works through Grafana's HTTP API, because files cannot provision permissions. Nothing is changed that is right
already, so it may run as often as one likes. Folders and teams are never removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field

from ..packsettings import PACKS
from ..yamlfile import load, validate
from .schema import Slug, Strict

DEFAULT = PACKS / "access.yaml"


class Right(StrEnum):
    VIEW = "view"
    EDIT = "edit"
    ADMIN = "admin"


_NUMBERS = {Right.VIEW: 1, Right.EDIT: 2, Right.ADMIN: 4}
"""What Grafana calls them."""


class FolderAccess(Strict):
    """One folder and who may use it; whoever is not named may not."""

    title: str
    uid: Slug
    teams: dict[str, Right] = Field(default={}, description="by the team's name")
    roles: dict[Literal["Viewer", "Editor"], Right] = Field(default={}, description="of Grafana's organisation")


class AccessFile(Strict):
    folders: list[FolderAccess]


class Api(Protocol):
    """Grafana's HTTP API; a path that is not there answers None."""

    def get(self, path: str, **query: str) -> Any: ...

    def post(self, path: str, body: object) -> Any: ...


def load_access(path: Path = DEFAULT) -> AccessFile:
    """InvalidInputError carries every problem of the file."""
    return validate(load(path), AccessFile)


def bring_into_line(api: Api, folders: Sequence[FolderAccess], *, check: bool) -> list[str]:
    """What was changed, or with `check` would be, one line each."""
    teams = dict.fromkeys(name for folder in folders for name in folder.teams)
    changes: list[str] = []
    numbers = {name: _team(api, name, changes, check=check) for name in teams}
    for folder in folders:
        changes += _folder(api, folder, numbers, check=check)
    return changes


def _team(api: Api, name: str, changes: list[str], *, check: bool) -> int | None:
    """The number of a team, made when it is not there; None when it may not be made."""
    found = api.get("/api/teams/search", name=name)["teams"]
    if found:
        return int(found[0]["id"])
    changes.append(f"team {name}: made")
    return None if check else int(api.post("/api/teams", {"name": name})["teamId"])


def _folder(api: Api, folder: FolderAccess, teams: dict[str, int | None], *, check: bool) -> Iterator[str]:
    is_new = api.get(f"/api/folders/{folder.uid}") is None
    if is_new:
        yield f"folder {folder.title}: made"
        if check:
            return
        api.post("/api/folders", {"uid": folder.uid, "title": folder.title})
    path = f"/api/folders/{folder.uid}/permissions"
    wanted = list(_items(folder, teams))
    if _comparable(wanted) != _comparable(api.get(path)):
        yield f"folder {folder.title}: rights set"
        if not check:
            api.post(path, {"items": wanted})


def _items(folder: FolderAccess, teams: dict[str, int | None]) -> Iterator[dict[str, Any]]:
    for team, right in folder.teams.items():
        yield {"teamId": teams[team], "permission": _NUMBERS[right]}
    for role, right in folder.roles.items():
        yield {"role": role, "permission": _NUMBERS[right]}


def _comparable(items: Sequence[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """Only what is said of the folder itself: what it inherits is not its own, and absent is 0 or nothing."""
    return {
        (item.get("teamId") or 0, item.get("userId") or 0, item.get("role") or "", item["permission"])
        for item in items
        if not item.get("inherited")
    }
