"""`grafana access` against a server that answers as Grafana's API does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.grafana_api import TOKEN, GrafanaApi, running_grafana_api
from jackpot_exporter.bundle.access_command import grafana

OWN = """\
folders:
  - title: Money
    uid: money
    teams: {Bookkeepers: edit}
    roles: {Viewer: view}
"""

Run = Callable[..., Result]


@pytest.fixture
def api() -> Iterator[GrafanaApi]:
    with running_grafana_api() as found:
        yield found


@pytest.fixture
def run(api: GrafanaApi, tmp_path: Path) -> Run:
    """Runs the command with a file of its own."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "access.yaml").write_text(OWN)

    def invoke(*arguments: str, url: str = api.url) -> Result:
        fixed = ["--url", url, "--token-file", str(tmp_path / "token"), "--file", str(tmp_path / "access.yaml")]
        return CliRunner().invoke(grafana, ["access", *fixed, *arguments])

    return invoke


def test_makes_folders_teams_and_rights(run: Run, api: GrafanaApi) -> None:
    result = run()

    assert result.exit_code == 0
    assert api.folders == {"money": "Money"}
    rights = {(item["team"] or item["role"], item["permission"]) for item in api.permissions["money"]}
    assert rights == {("Bookkeepers", 2), ("Viewer", 1)}


def test_the_second_time_nothing_is_written(run: Run, api: GrafanaApi) -> None:
    run()
    api.writes.clear()

    result = run()

    assert result.output == "nothing to do\n"
    assert api.writes == []


def test_what_someone_changed_is_set_right(run: Run, api: GrafanaApi) -> None:
    run()
    api.permissions["money"][0]["permission"] = 4
    api.writes.clear()

    result = run()

    assert result.output == "folder Money: rights set\n"
    assert api.writes == ["/api/folders/money/permissions"]


def test_inherited_rights_are_nobodys_business(run: Run, api: GrafanaApi) -> None:
    run()
    api.permissions["money"].append({"role": "Admin", "permission": 4, "inherited": True})

    assert run().output == "nothing to do\n"


def test_check_only_says(run: Run, api: GrafanaApi) -> None:
    result = run("--check")

    assert result.exit_code == 1
    assert result.output == "team Bookkeepers: made\nfolder Money: made\n"
    assert api.writes == []


def test_a_wrong_token_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("other")

    result = run()

    assert result.exit_code == 1
    assert "401 Invalid API key" in result.output
    assert "other" not in result.output


def test_nobody_there_is_said(run: Run) -> None:
    result = run(url="http://127.0.0.1:9")

    assert result.exit_code == 1
    assert "http://127.0.0.1:9 does not answer as Grafana does" in result.output


def test_a_wrong_file_is_refused_with_its_place(run: Run, api: GrafanaApi, tmp_path: Path) -> None:
    (tmp_path / "access.yaml").write_text(OWN.replace("edit", "write"))

    result = run()

    assert result.exit_code == 2
    assert "access.yaml:4:" in result.output
    assert api.writes == []


def test_only_http_is_spoken(run: Run) -> None:
    assert run(url="file:///etc/passwd").exit_code == 2
