"""The bill of materials in CycloneDX's JSON: what is locked, by which hashes, and who needs it.

Made from the lock alone and the same for the same lock, so without time or chance. cyclonedx-bom was tried and left: of
a lock it makes ten times as much text, which names a registry and leaves out who needs what.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jackpot_exporter import __version__

NAME = "jackpot-exporter"
_ENTRY = re.compile(r"^(?P<name>[a-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)(?: ; (?P<marker>[^\\\n]+?))? \\$")
_HASH = re.compile(r"^ +--hash=sha256:([0-9a-f]{64})", re.MULTILINE)
_NAMESPACE = uuid.UUID("6c0d8f1e-5d5b-5a6e-9a55-3f0f5a6f7c11")


@dataclass(frozen=True, slots=True)
class Package:
    """One entry of the lock."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    needed_by: tuple[str, ...]
    """By name; our own for what we need ourselves."""

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(text: str) -> list[Package]:
    """The entries of a lock in its order. ValueError for what is pinned to no version or to no hash."""
    blocks = re.split(r"^(?=[^\s#])", text, flags=re.MULTILINE)
    return [_package(block) for block in blocks if block.strip() and not block.startswith("#")]


def bill_of_materials(lock: str) -> str:
    """The document for a lock."""
    packages = read_lock(lock)
    root = f"pkg:pypi/{NAME}@{__version__}"
    references = {package.name: package.purl for package in packages} | {NAME: root}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(_NAMESPACE, f"{__version__}\n{lock}").urn,
        "version": 1,
        "metadata": {"component": _own(root)},
        "components": [_component(package) for package in packages],
        "dependencies": [
            {"ref": purl, "dependsOn": sorted(package.purl for package in packages if name in package.needed_by)}
            for name, purl in sorted(references.items())
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _package(block: str) -> Package:
    head, *rest = block.splitlines()
    found = _ENTRY.match(head)
    hashes = tuple(_HASH.findall(block))
    if found is None or not hashes:
        raise ValueError(f"not pinned to a version and to hashes: {head}")
    return Package(found["name"], found["version"], found["marker"] or "", hashes, tuple(_needers(rest)))


def _needers(lines: list[str]) -> Iterator[str]:
    """`# via redis`, or `# via` with a line for each."""
    for line in lines:
        text = line.strip()
        if text.startswith("#") and (name := text.removeprefix("#").strip().removeprefix("via").strip()):
            yield name.partition(" ")[0]


def _own(root: str) -> Mapping[str, Any]:
    licence = [{"license": {"id": "Apache-2.0"}}]
    return {
        "type": "application",
        "bom-ref": root,
        "name": NAME,
        "version": __version__,
        "purl": root,
        "licenses": licence,
    }


def _component(package: Package) -> Mapping[str, Any]:
    marker = [{"name": "python:marker", "value": package.marker}] if package.marker else []
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "hashes": [{"alg": "SHA-256", "content": content} for content in package.hashes],
        **({"properties": marker} if marker else {}),
    }
