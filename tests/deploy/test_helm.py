"""The chart makes what kustomize makes, and what its values say."""

from __future__ import annotations

import base64
import gzip
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import helm
from harness.composition import ROOT
from harness.kubernetes import build, named, problems
from jackpot_exporter import __version__

ROUTING = ROOT / "alertmanager" / "operator" / "alertmanager-config.yaml"


def keyed(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """By kind and name; both sides derive a suffix from the settings' content, each in its own way."""
    plain = json.loads(re.sub(r"(?<=jackpot-exporter-settings)-[a-z0-9]{10}", "", json.dumps(documents)))
    return {named(document): document for document in plain}


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    return keyed(helm.render())


def test_helm_has_no_warning() -> None:
    assert [message for message in helm.lint() if message["severity"] > 1] == []


def test_it_makes_what_kustomize_makes(shipped: dict[str, Any]) -> None:
    assert shipped == keyed(build(ROOT))


def test_without_rules_and_dashboards_it_makes_the_exporter_alone() -> None:
    alone = keyed(helm.render({"rules": False, "dashboards": False}))

    assert alone == keyed(build(ROOT / "deploy" / "kubernetes"))


def test_values_reach_their_objects() -> None:
    settings = {"postgres": {"dsn": "postgresql://db/x"}, "pools": {"max_series": 2_000_000}}
    overlay = {"ServiceMonitor": {"metadata": {"labels": {"release": "prometheus"}}}}
    values = {"image": "registry/exporter:2", "secret": "own", "settings": settings, "objects": overlay}

    made = keyed(helm.render({**values, "rules": False, "dashboards": False}))

    pod = made["Deployment/jackpot-exporter"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "registry/exporter:2"
    assert {volume["name"]: volume for volume in pod["volumes"]}["secrets"]["secret"]["secretName"] == "own"
    assert yaml.safe_load(made["ConfigMap/jackpot-exporter-settings"]["data"]["settings.yaml"]) == settings
    assert made["ServiceMonitor/jackpot-exporter"]["metadata"]["labels"]["release"] == "prometheus"
    assert made["ServiceMonitor/jackpot-exporter"]["spec"]["endpoints"]
    assert problems(list(made.values())) == []


def test_new_settings_have_a_new_name() -> None:
    """Which is what makes Kubernetes start a new pod."""
    names = {
        document["metadata"]["name"]
        for settings in ({}, {"interval": "30s"})
        for document in helm.render({"settings": settings, "rules": False, "dashboards": False})
        if document["kind"] == "ConfigMap"
    }

    assert len(names) == 2


@pytest.mark.parametrize("system", ["backoffice", "poker", "ticketing"])
def test_a_site_adds_a_system(system: str, shipped: dict[str, Any]) -> None:
    more = keyed(helm.render({"systems": [system]}))

    added = {name.partition("/")[0] for name in more.keys() - shipped.keys() if system in name}
    assert added == {"PrometheusRule", "ConfigMap"}
    assert more.items() >= shipped.items()
    assert [name for name in more.keys() - shipped.keys() if system not in name] == []


def test_a_site_adds_its_routing() -> None:
    made = keyed(helm.render({"routing": ROUTING.read_text(), "rules": False, "dashboards": False}))

    assert made["AlertmanagerConfig/jackpot-exporter"] == yaml.safe_load(ROUTING.read_text())


@pytest.mark.parametrize(
    "values", [{"imag": "x"}, {"rules": "yes"}, {"objects": {"Deploiment": {}}}], ids=["key", "type", "kind"]
)
def test_a_mistake_in_the_values_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(helm.ChartError, match="specifications of the schema"):
        helm.render(values)


def test_its_version_is_the_products() -> None:
    chart = yaml.safe_load((helm.CHART / "Chart.yaml").read_text())

    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_it_can_be_packed_and_kept_in_a_secret(tmp_path: Path) -> None:
    """The archive holds what the links lead to; Helm keeps a release in a secret, which ends at one mebibyte."""
    with tarfile.open(helm.pack(str(tmp_path))) as archive:
        names = set(archive.getnames())
        files = [file.read() for member in archive if (file := archive.extractfile(member))]
    release = b"".join(files) + json.dumps(helm.render()).encode()

    assert {f"jackpot-exporter/{name}" for name in ("Chart.yaml", "objects/deployment.yaml")} <= names
    assert len(base64.b64encode(gzip.compress(release))) < 2**20 / 2
