"""No password leaves the process, in whatever form it is configured and wherever text is written."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from harness.addresses import CORE, HTTP, PASSWORDS, POSTGRES, REDIS, leaks, written
from harness.fuzzing import inputs, refusal
from jackpot_exporter import logs
from jackpot_exporter.cli import main
from jackpot_exporter.collectors import discover
from jackpot_exporter.exposition import Format, document, render_now
from jackpot_exporter.model import gauge
from jackpot_exporter.redaction import Redactor, redact
from jackpot_exporter.settings import load_settings, settings_from_environment

SECTIONS = [kind.section for kind in discover()]
LOG = logging.getLogger("jackpot_exporter.fuzz")
TEXT = gauge("thing_info", "A text as a label.", "text")


@pytest.fixture(autouse=True)
def forgetting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is learnt here is not masked in other tests."""
    with monkeypatch.context() as patch:
        for name, value in vars(Redactor()).items():
            patch.setattr(redact, name, value)
        for module, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
            patch.setattr(module, name, getattr(module, name))
        yield


def forget() -> None:
    """Each input for itself: what another one taught would hide a leak."""
    vars(redact).update(vars(Redactor()))


def block(**values: st.SearchStrategy[Any] | object) -> st.SearchStrategy[dict[str, Any]]:
    made = {name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in values.items()}
    return st.fixed_dictionaries(made)


def listed(**values: st.SearchStrategy[Any] | object) -> st.SearchStrategy[list[Any]]:
    return block(**values).map(lambda made: [made])


CONFIGURATIONS = st.one_of(
    block(postgres=block(dsn=written(POSTGRES))),
    block(pgbouncer=block(dsn=written(POSTGRES))),
    block(redis=block(url=written(REDIS))),
    block(service=block(health_url=written(HTTP))),
    block(probes=listed(name="p", url=written(HTTP))),
    block(probes=listed(name="p", url="http://127.0.0.1:1/", headers=block(Authorization=PASSWORDS), x=1)),
    block(targets=block(b=block(redis=block(url=written(REDIS))))),
    block(web=block(prometheus_url=written(HTTP), nonsense=1)),
    block(redis=block(url="redis://127.0.0.1:1", password=PASSWORDS)),
    block(postgres=block(dsn="host=127.0.0.1 port=1", PASSWORD=PASSWORDS)),
    block(postgres=written(POSTGRES)),
    written(POSTGRES).map(lambda dsn: {"postgres": {dsn: 1}}),
    written(HTTP).map(lambda url: {"namespace": url, "interval": url}),
)
"""Settings with a password in one place, right or wrong."""

STYLES = st.sampled_from(
    [{}, {"default_flow_style": True}, {"default_style": '"'}, {"default_style": "'"}, {"width": 20}]
)


@inputs(50)
@given(CONFIGURATIONS, STYLES)
@example({"postgres": {"dsn": f"postgresql://me:{CORE[:4]}/{CORE[4:]}@127.0.0.1:1/db", "x": 1}}, {})
def test_what_is_said_of_settings_holds_none(tmp_path: Path, settings: dict[str, Any], style: dict[str, Any]) -> None:
    forget()
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(settings, allow_unicode=True, **style))

    said = refusal(lambda: load_settings(path, SECTIONS, {}))

    assert leaks(str(said or "")) == []


@inputs(10)
@given(CONFIGURATIONS)
def test_check_and_once_print_none(tmp_path: Path, settings: dict[str, Any]) -> None:
    forget()
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump({"interval": "2s", "host": {"enabled": False}, **settings}, allow_unicode=True))

    said = CliRunner().invoke(main, ["check", "--config.file", str(path), "--connect"])

    assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
    assert leaks(said.output) == []


@inputs(15)
@given(st.sampled_from([("DATABASE_URL", POSTGRES), ("REDIS_URL", REDIS), ("JACKPOT_SERVICE_URL", HTTP)]), st.data())
def test_what_is_said_of_the_environment_holds_none(source: tuple[str, Any], data: st.DataObject) -> None:
    forget()
    name, forms = source
    said = refusal(lambda: settings_from_environment(SECTIONS, {name: data.draw(written(forms))}))

    assert leaks(str(said or "")) == []


ADDRESSES = written(POSTGRES) | written(REDIS) | written(HTTP)


@inputs(80)
@given(ADDRESSES, st.sampled_from(logs.FORMATS))
@example(f"redis://:{CORE[:4]} {CORE[4:]}@127.0.0.1:1/0", "logfmt")
@example(f"me:{CORE}@127.0.0.1:1/db", "json")
def test_logs_and_crashes_hold_none(address: str, fmt: str) -> None:
    forget()
    redact.learn(address)
    stream = io.StringIO()
    logs.configure("info", fmt, stream)
    logs.tell_crashes()

    LOG.info("one %s", address, extra=logs.fields(dsn=address, error=ValueError(address), deep={"a": [address]}))
    try:
        raise RuntimeError(f"cannot connect to {address!r}")
    except RuntimeError:
        kind, error, traceback = sys.exc_info()
        assert kind is not None
        assert error is not None
        sys.excepthook(kind, error, traceback)

    lines = stream.getvalue().splitlines()
    assert leaks(stream.getvalue()) == []
    assert "RuntimeError" in lines[-1]
    assert fmt == "logfmt" or all(json.loads(line)["event"] for line in lines)


@inputs(80)
@given(ADDRESSES, st.text(max_size=5))
def test_metrics_hold_none(address: str, before: str) -> None:
    forget()
    redact.learn(address)

    families = render_now([TEXT.sample(1, before + address), TEXT.sample(1, f"{before}x{address}")], "").values()
    text = document(families, Format.TEXT).decode()

    assert leaks(text) == []
    assert text.count("\nthing_info{") == 2
