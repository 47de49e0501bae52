"""Objects for Kubernetes: built by kustomize, judged by the schemas of Kubernetes and of the Prometheus operator."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness import apart
from jackpot_exporter.tools import find

OPERATOR = "monitoring.coreos.com"
Object = dict[str, Any]


def build(folder: Path) -> list[Object]:
    """What `kustomize build` makes of the folder."""
    command = [str(find("kustomize", "current")), "build", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


def problems(objects: Sequence[Object], oldest: str = "1.25.0") -> list[str]:
    """Every field that is unknown or of a wrong form, behind the kind and name of its object.

    1.25 is the oldest Kubernetes with policy/v1 and every field in use.
    """
    operators = [found for found in objects if found["apiVersion"].startswith(OPERATOR)]
    others = [found for found in objects if found not in operators]
    return [*_problems_of_kubernetes(others, oldest), *(apart.ask(__file__, operators) if operators else ())]


def named(found: Object) -> str:
    """Kind and name, as `kubectl get` takes them."""
    return f"{found['kind']}/{found['metadata']['name']}"


def _problems_of_kubernetes(objects: Sequence[Object], oldest: str) -> Iterator[str]:
    import kubernetes_validate  # type: ignore[import-untyped]  # noqa: PLC0415 - not where the operator's models are

    # And the newest whose schemas there are.
    for version in (oldest, kubernetes_validate.latest_version()):
        for found in objects:
            try:
                kubernetes_validate.validate(found, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{named(found)}: {version}: {error.message}"


def _problems_of_the_operator(objects: Sequence[Object]) -> list[str]:
    from cloudcoil.models.prometheus_operator import v1, v1alpha1  # noqa: PLC0415 - only in the process that is for it
    from pydantic import ValidationError  # noqa: PLC0415 - the one that these models were made with

    versions = {f"{OPERATOR}/v1": v1, f"{OPERATOR}/v1alpha1": v1alpha1}
    wrong = []
    for found in objects:
        model = getattr(versions[found["apiVersion"]], found["kind"])
        try:
            model.model_validate(found, extra="forbid")
        except ValidationError as error:
            wrong += [f"{named(found)}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    return wrong


if __name__ == "__main__":
    apart.answer(_problems_of_the_operator)
