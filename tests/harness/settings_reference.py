"""docs/configuration.md, written from the models that read the settings: every block, key, type and default.

    PYTHONPATH=tests python -m harness.settings_reference

writes it anew. What the models do not say is not in it, and a key without a description is an error.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, IPvAnyNetwork
from pydantic.fields import FieldInfo

from jackpot_exporter.collectors import discover
from jackpot_exporter.config import Schedule, TargetBase, WebSettings, compose, parse_duration

FILE = Path(__file__).parents[2] / "docs" / "configuration.md"

_HEAD = """\
# Settings

Written from the models that read the settings; a test keeps it so. The file is YAML; unknown keys are errors, and
`jackpot-exporter check --config.file FILE` shows every mistake with its line. `${NAME}` in a text is the environment's
variable of that name, `$$` a dollar sign. A *duration* is seconds, or as Prometheus writes it: `15s`, `500ms`, `1m30s`.

Without a file, `DATABASE_URL` (or libpq's `PGHOST`, …), `REDIS_URL` and `JACKPOT_SERVICE_URL` name the sources.
Commands explain themselves with `--help`; a file to start from is
[deploy/systemd/settings.yaml](../deploy/systemd/settings.yaml).
"""

_SCHEDULE = """\
## Every block of a collector

These keys stand in each block below that is marked *collector*, and are not repeated there.
"""

_TARGETS = """\
## `targets`

Further deployments by name: `targets: {NAME: {...}}`. Each holds the same blocks as the file itself, except `web` and
`targets`, and is served at `/probe?target=NAME`; Prometheus finds them all at `/sd`:

```yaml
scrape_configs:
  - job_name: jackpot-exporter
    http_sd_configs:
      - url: http://localhost:7777/sd
```
"""


class _Block(NamedTuple):
    way: str
    model: type[BaseModel]
    is_optional: bool


def render() -> str:
    """The whole document."""
    target: type[BaseModel] = compose([kind.section for kind in discover()])
    head = [_HEAD, "## At the top of the file\n\n" + _table(TargetBase, TargetBase.model_fields)]
    blocks = [*_blocks(target, ""), _Block("web", WebSettings, is_optional=False)]
    schedule = _SCHEDULE + "\n" + _table(Schedule, Schedule.model_fields)
    return "\n".join([*head, schedule, *map(_section, blocks), _TARGETS])


def _blocks(model: type[BaseModel], way: str) -> Iterator[_Block]:
    for name, field in model.model_fields.items():
        inner = _model_of(field.annotation)
        if inner is not None:
            here = f"{way}.{name}" if way else name
            is_list = _is_list(field.annotation)
            shape = "[]" if is_list else ".NAME" if get_origin(field.annotation) is dict else ""
            yield _Block(here + shape, inner, field.default is None or bool(shape))
            yield from _blocks(inner, here + (shape if shape == ".NAME" else ""))


def _section(block: _Block) -> str:
    own = {name: field for name, field in block.model.model_fields.items() if not _is_shared(block.model, name)}
    words = (block.model.__doc__ or "").strip().splitlines()[0]
    marks = ["*collector*"] if issubclass(block.model, Schedule) else []
    if block.is_optional:
        marks.append("runs only when the block is there")
    note = f" ({'; '.join(marks)})" if marks else ""
    table = _table(block.model, own)
    return f"## `{block.way}`\n\n{words}{note}\n" + (f"\n{table}" if table else "")


def _is_shared(model: type[BaseModel], name: str) -> bool:
    shared = Schedule.model_fields.get(name)
    return shared is not None and issubclass(model, Schedule) and model.model_fields[name].default == shared.default


def _table(model: type[BaseModel], fields: dict[str, FieldInfo]) -> str:
    rows = [row for name, field in fields.items() if (row := _row(model, name, field))]
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""]) if rows else ""


def _row(model: type[BaseModel], name: str, field: FieldInfo) -> str | None:
    inner = _model_of(field.annotation)
    if inner is not None and not field.description:
        return None  # a block, which has a section of its own
    if not field.description:
        raise ValueError(f"{model.__name__}.{name} has no description")
    return f"| `{name}` | {_type(field)} | {_default(field)} | {_cell(field.description).replace('*', '&#42;')} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _type(field: FieldInfo) -> str:
    if any(isinstance(one, BeforeValidator) and one.func is parse_duration for one in field.metadata):
        return "duration"
    return _words(field.annotation)


def _words(annotation: Any) -> str:
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        is_duration = any(isinstance(one, BeforeValidator) and one.func is parse_duration for one in inside[1:])
        return "duration" if is_duration else _words(inside[0])
    if origin in (types.UnionType, typing.Union):
        return " or ".join(dict.fromkeys(_words(one) for one in inside if one is not type(None)))
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in inside)
    if origin is tuple:
        inner = _words(inside[0])
        return f"list of ({inner})" if " or " in inner else f"list of {inner}"
    if origin is dict:
        return f"map of {_words(inside[0])} to {_words(inside[1])}"
    return _simple(annotation)


def _simple(annotation: Any) -> str:
    if isinstance(annotation, type):
        if issubclass(annotation, BaseModel):
            return "block"
        if issubclass(annotation, enum.Enum):
            return ", ".join(f"`{one.value}`" for one in annotation)
    names = {
        str: "text",
        int: "number",
        float: "number",
        bool: "`true`, `false`",
        Path: "path",
        IPvAnyNetwork: "network",
    }
    return names[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return ""
    if isinstance(value, BaseModel):
        return "its defaults"
    if _type(field) == "duration":
        return f"`{_duration(value)}`"
    if isinstance(value, dict):
        return ", ".join(f"`{key}: {_plain(one)}`" for key, one in value.items())
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(f"`{_cell(_plain(one))}`" for one in value)
    return f"`{_cell(_plain(value))}`" if value != "" else ""


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ".".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for one in get_args(annotation):
        if (found := _model_of(one)) is not None:
            return found
    return None


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


if __name__ == "__main__":
    FILE.write_text(render())
