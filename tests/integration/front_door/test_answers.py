"""Networks that may ask, and what every answer says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.front_door import OPEN_PATHS, FrontDoorProcess


@pytest.fixture(scope="module")
def fenced() -> Iterator[FrontDoorProcess]:
    networks = {"allowed_networks": ["10.0.0.0/8", "127.0.0.3/32"], "trusted_proxies": ["127.0.0.2/32"]}
    with FrontDoorProcess(web=networks) as process:
        yield process


@pytest.mark.parametrize(
    ("source", "forwarded", "status"),
    [
        pytest.param("127.0.0.1", None, 403, id="not allowed"),
        pytest.param("127.0.0.3", None, 200, id="allowed"),
        pytest.param("127.0.0.1", "10.1.2.3", 403, id="header from anybody"),
        pytest.param("127.0.0.2", "10.1.2.3", 200, id="header from the proxy"),
        pytest.param("127.0.0.2", "192.0.2.1", 403, id="proxy for somebody else"),
        pytest.param("127.0.0.2", "10.1.2.3, 192.0.2.1", 403, id="made up before the proxy"),
        pytest.param("127.0.0.2", "192.0.2.1, 10.1.2.3", 200, id="the last counts"),
        pytest.param("127.0.0.2", None, 403, id="the proxy itself"),
        pytest.param("127.0.0.2", "unknown", 403, id="no address"),
        pytest.param("127.0.0.3", "192.0.2.1", 200, id="allowed, whatever it says"),
    ],
)
def test_networks(fenced: FrontDoorProcess, source: str, forwarded: str | None, status: int) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}

    assert fenced.ask(headers=headers, source=source).status == status


@pytest.mark.parametrize("path", OPEN_PATHS)
def test_liveness_is_open_to_all_networks(fenced: FrontDoorProcess, path: str) -> None:
    assert fenced.ask(path).status in (200, 503)


@pytest.fixture(scope="module")
def adorned() -> Iterator[FrontDoorProcess]:
    headers = {"Strict-Transport-Security": "max-age=60", "X-Frame-Options": "SAMEORIGIN"}
    with FrontDoorProcess({"http_server_config": {"headers": headers}}) as process:
        yield process


@pytest.mark.parametrize("path", ["/", "/metrics", "/nonsense", "/-/healthy", "/probe", "/-/reload", "/status"])
def test_security_headers(adorned: FrontDoorProcess, path: str) -> None:
    headers = adorned.ask(path).headers

    assert "Server" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Strict-Transport-Security"] == "max-age=60"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    # The page itself holds no figures: it may be kept, and is asked for again each time.
    assert headers["Cache-Control"] == ("private, no-cache" if path == "/" else "no-store")
