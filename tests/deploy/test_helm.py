"""The chart makes what kustomize makes, and what its values say."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import re
import tarfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import helm
from harness.composition import ROOT
from harness.exporter import ExporterProcess
from harness.kubernetes import build, named, problems
from harness.waiting import eventually
from jackpot_exporter import __version__
from jackpot_exporter.demo.servers import PrometheusServer

BRANDS = [f"brand-{number}" for number in range(9)]
SHARED = {
    "settings": {"host": {"interval": "1m"}, "targets": {name: {"host": {"enabled": False}} for name in BRANDS}},
    "rules": False,
    "dashboards": False,
}
"""Values of a site with targets."""
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
    "values",
    [{"imag": "x"}, {"rules": "yes"}, {"objects": {"Deploiment": {}}}, {"shards": 0}],
    ids=["key", "type", "kind", "number"],
)
def test_a_mistake_in_the_values_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(helm.ChartError, match="specifications of the schema"):
        helm.render(values)


# --- shards ---------------------------------------------------------------------------------------------------


def test_one_exporter_with_targets_differs_in_what_scrapes_them() -> None:
    plain = keyed(helm.render({**SHARED, "settings": {}}))

    made = keyed(helm.render({**SHARED, "shards": 1}))

    assert made.keys() - plain.keys() == {"ScrapeConfig/jackpot-exporter"}
    assert {name for name in plain if made[name] != plain[name]} == {"ConfigMap/jackpot-exporter-settings"}
    service = made["Service/jackpot-exporter"]
    address = f"{service['metadata']['name']}.monitoring.svc:{service['spec']['ports'][0]['port']}"
    assert discovered(made) == [f"http://{address}/sd"]
    assert problems(list(made.values())) == []


def discovered(made: dict[str, Any]) -> list[str]:
    return [one["url"] for one in made["ScrapeConfig/jackpot-exporter"]["spec"]["httpSDConfigs"]]


@pytest.fixture(scope="module")
def shards() -> dict[str, Any]:
    return keyed(helm.render({**SHARED, "shards": 3}))


def test_the_schemas_accept_shards(shards: dict[str, Any]) -> None:
    """Of 1.28, which was the first to tell a pod its number."""
    assert problems(list(shards.values()), oldest="1.28.0") == []
    assert [one for one in problems(list(shards.values())) if "ordinals" in one]


def test_shards_are_what_one_exporter_is_and_a_number(shards: dict[str, Any]) -> None:
    one = keyed(helm.render(SHARED))
    several = copy.deepcopy(shards["StatefulSet/jackpot-exporter"]["spec"]["template"])
    single = one["Deployment/jackpot-exporter"]["spec"]["template"]
    (container,), (alone,) = (template["spec"]["containers"] for template in (several, single))

    del container["env"]

    assert container.pop("args") == [*alone.pop("args"), "--shard", "$(SHARD)/3"]
    assert several == single
    assert shards.keys() ^ one.keys() == {
        "Deployment/jackpot-exporter",
        "StatefulSet/jackpot-exporter",
        "Service/jackpot-exporter-shards",
    }


def test_each_shard_has_a_name_and_is_found_once(shards: dict[str, Any]) -> None:
    """By its own Service it is asked for its targets; the ServiceMonitor must see it through the other alone."""
    own, spec = shards["Service/jackpot-exporter-shards"], shards["StatefulSet/jackpot-exporter"]["spec"]
    wanted = shards["ServiceMonitor/jackpot-exporter"]["spec"]["selector"]["matchLabels"]
    services = [one for one in shards.values() if one["kind"] == "Service"]

    names = [f"jackpot-exporter-{spec['ordinals']['start'] + number}" for number in range(spec["replicas"])]

    assert discovered(shards) == [f"http://{name}.{spec['serviceName']}.monitoring.svc:7777/sd" for name in names]
    assert (own["metadata"]["name"], own["spec"]["clusterIP"]) == (spec["serviceName"], "None")
    assert own["spec"]["selector"] == spec["selector"]["matchLabels"] == wanted
    assert [one["metadata"]["name"] for one in services if one["metadata"]["labels"].items() >= wanted.items()] == [
        "jackpot-exporter"
    ]


def test_shards_scrape_every_target_once(
    shards: dict[str, Any], prometheus: Callable[..., PrometheusServer], exporter_settings: str
) -> None:
    """Real exporters with the arguments of the pods, and a real Prometheus with the ScrapeConfig."""
    spec, scrape = shards["StatefulSet/jackpot-exporter"]["spec"], shards["ScrapeConfig/jackpot-exporter"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["env"][0]["valueFrom"]["fieldRef"]["fieldPath"].endswith("['apps.kubernetes.io/pod-index']")
    given = container["args"][3:]
    with ExitStack() as stack:
        pods = {}
        for index in range(spec["ordinals"]["start"], spec["ordinals"]["start"] + spec["replicas"]):
            arguments = [word.replace("$(SHARD)", str(index)) for word in given]
            pods[f"jackpot-exporter-{index}"] = stack.enter_context(ExporterProcess(exporter_settings, *arguments))
        urls = [
            re.sub(r"//([\w-]+)[^/]*", lambda m: f"//127.0.0.1:{pods[m[1]].port}", url) for url in discovered(shards)
        ]
        relabelings = [
            {{"targetLabel": "target_label"}.get(key, key): value for key, value in one.items()}
            for one in scrape["relabelings"]
        ]
        job = {
            "job_name": "scrapeConfig/monitoring/jackpot-exporter",
            "http_sd_configs": [{"url": url, "refresh_interval": "1s"} for url in urls],
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "relabel_configs": relabelings,
        }
        server = prometheus({"scrape_configs": [job]}, version=3)

        eventually(lambda: len(server.query("up == 1")) >= len(BRANDS), within=60)
        found = server.query("up")

    assert sorted(one["metric"]["service"] for one in found) == BRANDS
    assert {one["metric"]["job"] for one in found} == {"jackpot-exporter"}
    assert {one["metric"]["instance"] for one in found} == {f"127.0.0.1:{pod.port}" for pod in pods.values()}


@pytest.fixture
def exporter_settings(shards: dict[str, Any]) -> str:
    text: str = shards["ConfigMap/jackpot-exporter-settings"]["data"]["settings.yaml"]
    return text


def test_a_site_lays_over_what_shards_bring() -> None:
    label = {"metadata": {"labels": {"release": "prometheus"}}}
    objects = {"ScrapeConfig": label, "StatefulSet": {"spec": {"minReadySeconds": 5}}}

    made = keyed(helm.render({**SHARED, "shards": 2, "objects": objects}))

    assert made["ScrapeConfig/jackpot-exporter"]["metadata"]["labels"]["release"] == "prometheus"
    assert made["StatefulSet/jackpot-exporter"]["spec"]["minReadySeconds"] == 5


def test_shards_without_targets_are_refused() -> None:
    with pytest.raises(helm.ChartError, match="what is shared are the targets"):
        helm.render({"shards": 2})


# --- the archive ----------------------------------------------------------------------------------------------


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
