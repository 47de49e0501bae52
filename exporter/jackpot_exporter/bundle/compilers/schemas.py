"""JSON Schemas of the pack files, so that an editor completes and checks them while they are written."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pydantic import BaseModel

from ..dashboards_schema import DashboardsFile
from ..model import Artifact, PackSet
from ..schema import AlertsFile, ObjectivesFile, PackFile, ValuesFile
from ..yamltext import MARK

_FILES: dict[str, type[BaseModel]] = {
    "pack": PackFile,
    "alerts": AlertsFile,
    "objectives": ObjectivesFile,
    "values": ValuesFile,
    "dashboards": DashboardsFile,
}


def compile_schemas(packs: PackSet) -> Iterable[Artifact]:  # noqa: ARG001 - every compiler takes the packs
    """`prometheus/schema/FILE.json`."""
    for name, model in _FILES.items():
        schema = {
            "$comment": MARK,
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **model.model_json_schema(by_alias=True),
        }
        text = json.dumps(schema, indent=2, ensure_ascii=False)
        yield Artifact(f"prometheus/schema/{name}.json", f"{text}\n".encode())
