"""YAML with places: what is accepted, and how each mistake is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from jackpot_exporter import yamlfile
from jackpot_exporter.errors import InvalidInputError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    table: str = "x"
    number: int = 1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pools: Inner = Inner()
    entries: list[Inner] = []


def problems(text: str, model: type[BaseModel] = Outer) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        yamlfile.validate(yamlfile.parse(text, "f.yaml"), model)
    return [str(problem) for problem in caught.value.problems]


def test_all_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    found = problems("pools:\n  tabel: 1\n  number: abc\nentries:\n  - {q: 1}\n")

    assert [line.splitlines()[0] for line in found] == [
        "f.yaml:2:3: pools.tabel: not a known setting",
        "f.yaml:3:11: pools.number: input should be a valid integer, unable to parse string as an integer",
        "f.yaml:5:6: entries[0].q: not a known setting",
    ]


def test_a_mistake_is_shown_under_its_columns_with_a_remedy() -> None:
    assert problems("pools:\n  tabel: 1\n") == [
        'f.yaml:2:3: pools.tabel: not a known setting\n    2 |   tabel: 1\n          ^^^^^\n    did you mean "table"?'
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a: 1\na: 2\n", 'f.yaml:2:1: the key "a" stands twice', id="duplicate key"),
        pytest.param("a:\n\t- 1\n", "indent with spaces", id="tab"),
        pytest.param("a: [1\n", "f.yaml:2:1: not valid YAML", id="unclosed list"),
        pytest.param("? [a]\n: 1\n", "a key must be plain text", id="list as key"),
        pytest.param("a: !!python/object:os.system {}\n", "not a known setting", id="python tag is only data"),
        pytest.param("a: 1\n---\nb: 2\n", "not valid YAML", id="two documents"),
        pytest.param("a: \x00\n", "NUL", id="nul"),
        pytest.param("- 1\n", "f.yaml:1:1", id="list at the top"),
    ],
)
def test_bad_yaml_gets_its_place(text: str, words: str) -> None:
    assert words in "\n".join(problems(text))


def test_a_small_file_cannot_grow_without_bound() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
    bomb += "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))

    assert "too large" in "\n".join(problems(bomb))


def test_an_alias_to_itself_ends() -> None:
    assert "nested too deep" in "\n".join(problems("a: &a [*a]\n"))


def test_scalars_follow_yaml_1_2() -> None:
    document = yamlfile.parse("a: on\nb: 12:30\nc: 010\nd: 1e3\ne:\nf: 0x10\ng: 2026-01-02\nh: no\n", "f.yaml")

    assert document.data == {
        "a": "on", "b": "12:30", "c": 10, "d": 1000.0, "e": None, "f": 16, "g": "2026-01-02", "h": "no",
    }  # fmt: skip


def test_a_key_may_override_a_merged_one() -> None:
    document = yamlfile.parse("x: &a {k: 1}\ny: {<<: *a, k: 2}\n", "f.yaml")

    assert document.data["y"] == {"k": 2}


def test_a_value_that_may_be_a_secret_is_not_repeated() -> None:
    assert "hunter2" not in problems("pools: hunter2\n")[0].splitlines()[0]


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read: No such file"):
        yamlfile.load(tmp_path / "none.yaml")


def test_invalid_utf8_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")

    with pytest.raises(InvalidInputError, match=r"f\.yaml:2:1: not valid UTF-8"):
        yamlfile.load(file)
