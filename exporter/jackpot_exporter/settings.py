"""Settings read, from a file or the environment: every mistake at once, each with its line and column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, create_model

from . import yamlfile
from .config import CollectorSection, Settings, Source, TargetBase, WebSettings, compose, section, timing
from .errors import InvalidInputError, Place, Problem
from .packsettings import lay_packs_under
from .redaction import redact

_VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Za-z_][A-Za-z0-9_]*)\})")


def load_settings(path: Path, sections: Sequence[CollectorSection], environ: Mapping[str, str]) -> Settings:
    """Settings from a file. InvalidInputError with every problem, each with line and column."""
    document = yamlfile.load(path)
    problems: list[Problem] = []
    document = replace(document, data=_expand(document, document.data, (), environ, problems))
    redact.learn(document.data)
    document = replace(document, data=lay_packs_under(document, partial(_judge, sections=sections), problems))
    try:
        parsed = _parse(document, sections)
    except InvalidInputError as error:
        raise InvalidInputError([*problems, *error.problems]) from None
    problems.extend(_schedule_problems(document, parsed, (), sections))
    targets: Mapping[str, TargetBase] = getattr(parsed, "targets", {})
    for name, target in targets.items():
        problems.extend(_schedule_problems(document, target, ("targets", name), sections))
    if problems:
        raise InvalidInputError(problems)
    return Settings(parsed, targets, parsed.web)


def _judge(document: yamlfile.Document, sections: Sequence[CollectorSection]) -> frozenset[str]:
    """What a pack brings, judged by itself; gives back the keys of sources."""
    problems = _schedule_problems(document, _parse(document, sections), (), sections)
    if problems:
        raise InvalidInputError(problems)
    models: dict[str, type[BaseModel]] = {one.way[0]: one.model for one in sections if len(one.way) == 1}
    return frozenset(key for key, model in models.items() if issubclass(model, Source))


def settings_from_environment(sections: Sequence[CollectorSection], environ: Mapping[str, str]) -> Settings:
    """Settings without a file: DATABASE_URL or PG*, REDIS_URL, JACKPOT_SERVICE_URL name the sources."""
    data: dict[str, Any] = {}
    if "DATABASE_URL" in environ:
        data["postgres"] = {"dsn": environ["DATABASE_URL"]}
    elif any(name in environ for name in ("PGHOST", "PGDATABASE", "PGSERVICE")):
        data["postgres"] = {}
    if "REDIS_URL" in environ:
        data["redis"] = {"url": environ["REDIS_URL"]}
    if "JACKPOT_SERVICE_URL" in environ:
        base = environ["JACKPOT_SERVICE_URL"].rstrip("/")
        data["service"] = {
            "health_url": f"{base}/health",
            "database_health_url": f"{base}/health/database",
            "metrics_url": f"{base}/metrics",
        }
    redact.learn(data)
    known = {s.way[0] for s in sections}
    # Each block stands on a line of its own, which is the variable that it comes from.
    lines = {"postgres": "DATABASE_URL", "redis": "REDIS_URL", "service": "JACKPOT_SERVICE_URL"}
    marks: dict[yamlfile.Keys, tuple[int, int, int]] = {(key,): (line, 0, 1) for line, key in enumerate(lines)}
    found = {key: value for key, value in data.items() if key in known}
    document = yamlfile.Document("environment", found, tuple(lines.values()), {(): (0, 0, 1), **marks})
    try:
        main = yamlfile.validate(document, compose(sections))
    except InvalidInputError as error:
        raise InvalidInputError(
            [Problem(f"{p.place.source_line if p.place else 'environment'}: {p.message}") for p in error.problems]
        ) from None
    return Settings(main, {}, WebSettings())


def _parse(document: yamlfile.Document, sections: Sequence[CollectorSection]) -> Any:
    """The document as a model of just the blocks that it may hold: a model of all costs 8 MB for as long as we run."""
    data = document.data if isinstance(document.data, dict) else {}
    targets = data.get("targets")
    blocks = [data, *(targets.values() if isinstance(targets, dict) else ())]
    named = {key for block in blocks if isinstance(block, dict) for key in block}
    needed = [s for s in sections if s.way[0] in named or not s.is_optional]
    try:
        return yamlfile.validate(document, _root_model(compose(needed), with_targets="targets" in data))
    except InvalidInputError:
        # What is wrong is told in the light of everything that could have been meant.
        return yamlfile.validate(document, _root_model(compose(sections), with_targets=True))


def _root_model(target: type[TargetBase], *, with_targets: bool) -> type[BaseModel]:
    fields: dict[str, Any] = {"web": (WebSettings, WebSettings())}
    if with_targets:
        fields["targets"] = (dict.__class_getitem__((str, target)), {})
    return create_model("Settings", __base__=target, **fields)


def _expand(
    document: yamlfile.Document, value: Any, way: yamlfile.Keys, environ: Mapping[str, str], problems: list[Problem]
) -> Any:
    """`${NAME}` in text becomes the variable's value; `$$` is a dollar sign."""
    if isinstance(value, dict):
        return {k: _expand(document, v, (*way, k), environ, problems) for k, v in value.items()}
    if isinstance(value, list):
        return [_expand(document, v, (*way, i), environ, problems) for i, v in enumerate(value)]
    if not isinstance(value, str) or "$" not in value:
        return value

    def replace(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        if match[2] not in environ:
            place: Place = document.place(way)
            problems.append(Problem(f"the environment has no variable {match[2]}", place, "set it, or write $$ for $"))
        return environ.get(match[2], "")

    return _VARIABLE.sub(replace, value)


def _schedule_problems(
    document: yamlfile.Document, target: TargetBase, way: yamlfile.Keys, sections: Sequence[CollectorSection]
) -> list[Problem]:
    problems = []
    for entry in sections:
        found = section(target, entry.way)
        for steps, block in entry.blocks(found) if found is not None else ():
            times = timing(target, block)
            here = (*way, *entry.way, *steps)
            if times.timeout >= times.interval:
                text = f"timeout {times.timeout:g}s must be shorter than interval {times.interval:g}s"
                problems.append(Problem(text, document.place((*here, "timeout"))))
            if times.stale_after < times.interval:
                text = f"stale_after {times.stale_after:g}s must not be shorter than interval {times.interval:g}s"
                problems.append(Problem(text, document.place((*here, "stale_after"))))
    return problems
