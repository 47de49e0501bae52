"""Users and tokens: who is let in, and who is not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from harness.front_door import OPEN_PATHS, PASSWORD, RIGHT, FrontDoorProcess, basic, bearer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="nothing"),
        pytest.param(RIGHT, 200, id="right"),
        pytest.param({"authorization": RIGHT["Authorization"].replace("Basic", "bAsIc")}, 200, id="any case"),
        pytest.param(basic("prometheus", "wrong"), 401, id="wrong password"),
        pytest.param(basic("nobody", PASSWORD), 401, id="unknown user"),
        pytest.param(basic("", ""), 401, id="empty"),
        pytest.param(basic("Prometheus", PASSWORD), 401, id="case of the user"),
        pytest.param(basic("second", "x" * 80), 200, id="more than bcrypt reads"),
        pytest.param(basic("prometheus", "\0"), 401, id="NUL"),
        pytest.param({"Authorization": "Basic !!!"}, 401, id="no base64"),
        pytest.param({"Authorization": "Basic cHJvbQ=="}, 401, id="no colon"),
        pytest.param({"Authorization": "Basic"}, 401, id="no credentials"),
        pytest.param({"Authorization": RIGHT["Authorization"].removeprefix("Basic ")}, 401, id="no scheme"),
        pytest.param({"Authorization": "Digest x"}, 401, id="other scheme"),
        pytest.param({"Authorization": RIGHT["Authorization"], "authorization": "Bearer x"}, 401, id="two"),
        pytest.param(bearer("t0ken-of-ours"), 200, id="token"),
        pytest.param(bearer("t0ken-of-ourz"), 401, id="other token"),
        pytest.param(bearer(""), 401, id="empty token"),
        pytest.param(bearer("t0ken-of-ours\xff"), 401, id="token with more"),
    ],
)
def test_credentials(locked: FrontDoorProcess, headers: Mapping[str, str], status: int) -> None:
    assert locked.ask(headers=headers).status == status


def test_a_challenge_says_what_is_wanted(locked: FrontDoorProcess) -> None:
    assert locked.ask().headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize("path", OPEN_PATHS)
def test_liveness_needs_no_credentials(locked: FrontDoorProcess, path: str) -> None:
    assert locked.ask(path).status in (200, 503)
    assert locked.ask(path, basic("prometheus", "wrong")).status in (200, 503)


@pytest.mark.parametrize("path", ["/", "/metrics", "/probe", "/health", "/status", "/nonsense", "/-/reload"])
def test_everything_else_does(locked: FrontDoorProcess, path: str) -> None:
    assert locked.ask(path).status == 401
    assert locked.ask(path, method="POST").status == 401


def test_no_secret_is_logged(locked: FrontDoorProcess) -> None:
    locked.ask(headers=RIGHT)
    locked.ask(headers=bearer("t0ken-of-ours"))

    log = locked.log_text()
    assert not any(word in log for word in ("s3cret", "t0ken", "$2b$", RIGHT["Authorization"][6:]))
