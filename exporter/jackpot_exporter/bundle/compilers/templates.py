"""The message templates, `alertmanager/templates/`: written by hand among the packs, handed out as they are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..model import Artifact, PackSet

_FOLDER = Path(__file__).parent.parent.parent / "packs" / "templates"


def compile_templates(packs: PackSet) -> Iterable[Artifact]:  # noqa: ARG001 - every compiler takes the packs
    """`alertmanager/templates/NAME.tmpl`."""
    for file in sorted(_FOLDER.glob("*.tmpl")):
        yield Artifact(f"alertmanager/templates/{file.name}", file.read_bytes())
