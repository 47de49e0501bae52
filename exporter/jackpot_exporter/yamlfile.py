"""YAML files read with the place of every value, and checked against a pydantic model with that place in each problem.

Scalars follow the YAML 1.2 core schema, not PyYAML's 1.1: `on`, `off` and `12:30` stay text, which is what
people mean in settings. Duplicate keys are problems, not silent overrides. This module knows no setting.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from .errors import InvalidInputError, Place, Problem

Keys = tuple[str | int, ...]
"""The way from the top of a document to a value: mapping keys and list indexes."""

M = TypeVar("M", bound=BaseModel)

_MAX_NODES = 200_000  # an alias bomb of a few hundred bytes expands past any memory otherwise
_MAX_DEPTH = 60


class _Loader(yaml.CSafeLoader):
    """The safe loader with the scalars of the YAML 1.2 core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's protocol


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z",
        "-+0123456789.",
    ),
    ("tag:yaml.org,2002:null", r"(?:~|null|Null|NULL|)\Z", "~nN\0"),
    ("tag:yaml.org,2002:merge", r"<<\Z", "<"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), [*_first, ""] if "\0" in _first else list(_first))


def _integer(_loader: _Loader, node: yaml.ScalarNode) -> int:
    """PyYAML reads 010 as eight."""
    text = str(node.value)
    try:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    except ValueError:  # more digits than Python converts
        raise yaml.constructor.ConstructorError(None, None, "a number too long", node.start_mark) from None


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data from one YAML file, with the place of every key and value."""

    path: str
    data: Any
    lines: tuple[str, ...]
    marks: Mapping[Keys, tuple[int, int, int]] = field(repr=False)
    """Line, column and width (from 0) of the value at each way; keys of mappings stand under `(*way, "key:")`."""

    def place(self, keys: Keys, *, of_key: bool = False) -> Place:
        """Where the value (or its key) stands; the nearest known ancestor when it is not in the file."""
        way: Keys = (*keys, "key:") if of_key else keys
        if way not in self.marks:
            way = keys
        while way not in self.marks:
            way = way[:-1]
        line, column, width = self.marks[way]
        text = self.lines[line] if line < len(self.lines) else ""
        return Place(self.path, line + 1, column + 1, text, width)


def load(path: Path) -> Document:
    """Read one YAML document. InvalidInputError with every duplicate key, or with the place where the syntax breaks."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InvalidInputError([Problem(f"{path}: cannot be read: {error.strerror}")]) from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidInputError(
            [Problem("not valid UTF-8", Place(str(path), line, 1), "save the file as UTF-8")]
        ) from None
    return parse(text, str(path))


def parse(text: str, path: str) -> Document:
    """Like `load`, for text already read; `path` is what messages call it."""
    lines = tuple(text.splitlines())
    if "\x00" in text:
        raise InvalidInputError([Problem(f"{path}: contains a NUL character")])
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        builder = _Builder(loader, path, lines)
        data = builder.build(node, ()) if node is not None else None
    except yaml.YAMLError as error:
        raise InvalidInputError([_syntax_problem(error, path, lines)]) from None
    finally:
        loader.dispose()
    if builder.problems:
        raise InvalidInputError(builder.problems)
    builder.marks.setdefault((), (0, 0, 1))
    return Document(path, data, lines, builder.marks)


class _Builder:
    """Turns nodes into plain data and remembers where each stood."""

    def __init__(self, loader: _Loader, path: str, lines: tuple[str, ...]) -> None:
        self._loader = loader
        self._path = path
        self._lines = lines
        self._nodes = 0
        self.marks: dict[Keys, tuple[int, int, int]] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, way: Keys) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES or len(way) > _MAX_DEPTH:
            raise yaml.constructor.ConstructorError(None, None, "too large or nested too deep", node.start_mark)
        self.marks[way] = _mark(node)
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node)
            self._loader.flatten_mapping(node)
            return {key: self.build(value, (*way, key)) for key, value in self._entries(node, way)}
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*way, index)) for index, child in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _check_keys(self, node: yaml.MappingNode) -> None:
        """Before `<<` is merged in: a key that overrides a merged one is no duplicate."""
        seen: set[str] = set()
        for key, _value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(Problem("a key must be plain text", self._place(key)))
            elif key.value in seen:
                message = f'the key "{key.value}" stands twice here'
                self.problems.append(Problem(message, self._place(key), "keep one of them"))
            else:
                seen.add(key.value)

    def _entries(self, node: yaml.MappingNode, way: Keys) -> Iterator[tuple[str, yaml.Node]]:
        for key, value in node.value:
            self.marks[(*way, str(key.value), "key:")] = _mark(key)
            yield str(key.value), value

    def _place(self, node: yaml.Node) -> Place:
        line, column, width = _mark(node)
        return Place(self._path, line + 1, column + 1, self._lines[line] if line < len(self._lines) else "", width)


def _mark(node: yaml.Node) -> tuple[int, int, int]:
    start, end = node.start_mark, node.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return start.line, start.column, max(1, width)


def _syntax_problem(error: yaml.YAMLError, path: str, lines: tuple[str, ...]) -> Problem:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return Problem(f"{path}: not valid YAML: {error}")
    line = lines[mark.line] if mark.line < len(lines) else ""
    remedy = "indent with spaces: YAML takes no tabs" if "\t" in line[: mark.column + 1] else ""
    message = str(getattr(error, "problem", "") or "cannot be understood")
    return Problem(f"not valid YAML: {message}", Place(path, mark.line + 1, mark.column + 1, line), remedy)


def validate(document: Document, model: type[M]) -> M:
    """The document as a model. InvalidInputError with every problem and its place, in the order of the file."""
    data = {} if document.data is None else document.data
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [_schema_problem(document, model, detail) for detail in error.errors(include_url=False)]
        problems.sort(key=lambda p: (p.place.line, p.place.column) if p.place else (0, 0))
        raise InvalidInputError(problems) from None


def _schema_problem(document: Document, model: type[BaseModel], detail: Any) -> Problem:
    # Steps of a union or of a validator are not steps in the file: keep the longest way that the file has.
    way: Keys = ()
    for step in detail["loc"]:
        if (*way, step) in document.marks or (detail["type"] == "missing" and step == detail["loc"][-1]):
            way = (*way, step)
    unknown = detail["type"] == "extra_forbidden"
    place = document.place(way, of_key=unknown)
    name = _dotted(way)
    if unknown:
        known = _known_keys(model, way[:-1])
        return Problem(f"{name}: not a known setting", place, _closest(str(way[-1]), known))
    if detail["type"] == "missing":
        return Problem(f"{name}: is missing", document.place(way[:-1], of_key=True), "add it")
    message = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    shown = _shown(detail.get("input"))
    prefix = f"{name}: " if name else ""
    return Problem(f"{prefix}{shown}{message[:1].lower()}{message[1:]}", place)


def _shown(value: Any) -> str:
    """Scalars that cannot be a secret are repeated in the message; text may hold a password and is not."""
    return f"{value!r}: " if isinstance(value, int | float | bool) or value is None else ""


def _dotted(way: Keys) -> str:
    out = ""
    for step in way:
        out += f"[{step}]" if isinstance(step, int) else f".{step}" if out else step
    return out


def _known_keys(model: type[BaseModel], way: Keys) -> list[str]:
    """The keys allowed at a way, as far as the model can be followed."""
    current: Any = model
    for step in way:
        if isinstance(step, int):
            continue
        info = current.model_fields.get(step) if _is_model(current) else None
        if info is None:
            continue
        current = next((m for m in _models_in(info.annotation)), None)
    return [info.alias or name for name, info in current.model_fields.items()] if _is_model(current) else []


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _models_in(annotation: Any) -> Iterator[Any]:
    if _is_model(annotation):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _closest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"use one of: {', '.join(sorted(known))}" if known else ""
