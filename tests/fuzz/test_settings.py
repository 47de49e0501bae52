"""Whatever stands in a settings file or a web configuration: it is taken, or every problem is told with its place."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from harness.fuzzing import inputs, is_told, refusal
from jackpot_exporter import yamlfile
from jackpot_exporter.collectors import discover
from jackpot_exporter.config import parse_duration
from jackpot_exporter.settings import load_settings
from jackpot_exporter.web.webconfig import load_web_config

SECTIONS = [kind.section for kind in discover()]
EXAMPLE = (Path(__file__).parents[2] / "deploy" / "systemd" / "settings.yaml").read_text()
KEYS = [
    *sorted({step for section in SECTIONS for step in section.way}),
    "interval", "timeout", "dsn", "url", "web", "targets", "namespace", "password_file", "enabled", "table", "columns",
    "labels", "headers", "name", "path", "pattern", "fields", "allowed_networks", "max_connections", "packs", "<<", "",
]  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["15s", "1m30s", "0s", "9" * 5000, "${HOME}", "${NO_SUCH}", "$$", "postgresql://a:b@c/d", "redis://x",
         "http://[",
         "unix://", "sentinel://a", "%", "\x00", "\ud800", "../..", "*", "2001:db8::/129", "0x7f"]
    )
)  # fmt: skip
BLOCKS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=6), inner),
    max_leaves=12,
)
BOMB = "a: &a [x]\n" + "".join(f"{n}: &{n} [{','.join(['*' + p] * 9)}]\n" for p, n in pairwise("abcdefgh"))
"""A few hundred bytes that would be four million values."""
PIECES = st.sampled_from([
    "\n", "  ", "\t", "- ", ": ", "{", "}", "[", "]", "&a ", "*a", "!!python/object:os.system ", "!!binary ", "|\n",
    ">\n",
    "'", '"', "#", "---\n", "...\n", "<<: ", "\ufeff", "\x85", "\u2028", "? ", "%YAML 1.1\n", "\x00", "é", "${",
]) | st.text(max_size=5)  # fmt: skip


def is_taken_or_told(path: Path, text: str) -> bool:
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    return is_told(refusal(lambda: load_settings(path, SECTIONS, {"HOME": "/root"})))


@inputs(30)
@given(st.dictionaries(st.sampled_from(KEYS), BLOCKS, max_size=4))
def test_any_data_is_taken_or_refused(tmp_path: Path, data: dict[str, Any]) -> None:
    try:
        text = yaml.safe_dump(data, allow_unicode=True)
    except (yaml.YAMLError, UnicodeError):
        return

    assert is_taken_or_told(tmp_path / "settings.yaml", text)


@inputs(60)
@given(st.lists(st.tuples(st.integers(0, len(EXAMPLE)), st.integers(0, 40), PIECES), min_size=1, max_size=4))
def test_a_damaged_file_is_taken_or_refused(tmp_path: Path, damages: list[tuple[int, int, str]]) -> None:
    text = EXAMPLE
    for at, length, piece in damages:
        text = text[:at] + piece + text[at + length :]

    assert is_taken_or_told(tmp_path / "settings.yaml", text)


@inputs(200)
@given(
    st.lists(PIECES | st.sampled_from(["a", "b", "1", "true", "a: ", "0o8", "1e9", "08", "1_0"]), max_size=20).map(
        "".join
    )
)
@example("&a [*a]")
@example("{" * 100)
@example(BOMB)
def test_any_text_is_read_or_refused(text: str) -> None:
    assert is_told(refusal(lambda: yamlfile.parse(text, "settings.yaml")))


@inputs(100)
@given(
    st.binary(max_size=60)
    | st.lists(PIECES | st.sampled_from(["tls_server_config:", "basic_auth_users:", " a: b"])).map(
        lambda p: "".join(p).encode("utf-8", "surrogatepass")
    )
)
def test_any_web_configuration_is_taken_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "web.yml"
    path.write_bytes(content)

    assert is_told(refusal(lambda: load_web_config(path)))


@inputs(200)
@given(st.text(alphabet="0123456789.smhdwy -+e", max_size=12) | st.floats() | st.integers() | st.none() | st.text())
def test_a_duration_is_finite_and_above_zero_or_refused(value: object) -> None:
    try:
        seconds = parse_duration(value)
    except ValueError:
        return
    assert 0 < seconds < 10**9
