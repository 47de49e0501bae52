"""What kustomize builds for Kubernetes: valid for the schemas, restricted, and in step with the product."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.exporter import ExporterProcess
from harness.kubernetes import build, named, problems
from harness.waiting import eventually
from jackpot_exporter import __version__
from jackpot_exporter.demo.servers import PrometheusServer
from jackpot_exporter.packsettings import shipped_systems
from jackpot_exporter.tools import find

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "kubernetes"
OTHERS = tuple(shipped_systems())
"""Packs of systems that a jackpot site does not run."""
NAME = {"app.kubernetes.io/name": "jackpot-exporter"}

EVERYTHING = build(ROOT)
EXPORTER = build(BASE)


def one(kind: str) -> dict[str, Any]:
    (found,) = [document for document in EXPORTER if document["kind"] == kind]
    return found


ROUTING = yaml.safe_load((ROOT / "alertmanager" / "operator" / "alertmanager-config.yaml").read_text())


def test_the_schemas_accept_it() -> None:
    """Those of Kubernetes for its own kinds, those of the Prometheus operator for the rest."""
    assert problems([*EVERYTHING, ROUTING]) == []


MISTAKES: list[tuple[str, tuple[str | int, ...], str, object]] = [
    ("Deployment", ("spec", "template", "spec", "containers", 0), "livenesProbe", {}),
    ("ServiceMonitor", ("spec", "endpoints", 0), "scheme", "gopher"),
    ("PrometheusRule", ("spec", "groups", 0), "intervall", "30s"),
    ("AlertmanagerConfig", ("spec", "receivers", 0), "slackConfig", []),
]


def test_the_schemas_would_complain() -> None:
    broken = []
    for kind, way, key, value in MISTAKES:
        inner: Any = copy.deepcopy(next(found for found in (*EVERYTHING, ROUTING) if found["kind"] == kind))
        broken.append(inner)
        for step in way:
            inner = inner[step]
        inner[key] = value

    found = problems(broken)

    for kind, _, key, _ in MISTAKES:
        assert [problem for problem in found if problem.startswith(kind) and key in problem], found


def test_everything_is_in_it() -> None:
    """Every rule and dashboard that is generated but for other systems, and nothing else besides the exporter."""
    listed = set(yaml.safe_load((ROOT / "kustomization.yaml").read_text())["resources"])
    generated = [*ROOT.glob("prometheus/operator/*.yaml"), *ROOT.glob("grafana/configmaps/*.yaml")]
    wanted = [path for path in generated if not path.name.startswith(OTHERS)]

    assert wanted != generated
    assert listed == {"deploy/kubernetes", *(str(path.relative_to(ROOT)) for path in wanted)}


def test_the_labels_find_each_other() -> None:
    selectors = [
        one("Deployment")["spec"]["selector"]["matchLabels"],
        one("Service")["spec"]["selector"],
        one("ServiceMonitor")["spec"]["selector"]["matchLabels"],
        one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ]
    labels = one("Deployment")["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in one("Deployment")["spec"]["template"]["spec"]["containers"][0]["ports"]}

    assert selectors == [NAME] * 5
    assert labels.items() >= NAME.items()
    assert one("Service")["metadata"]["labels"].items() >= NAME.items()
    assert one("Service")["spec"]["ports"][0]["targetPort"] in ports
    assert one("ServiceMonitor")["spec"]["endpoints"][0]["port"] == one("Service")["spec"]["ports"][0]["name"]


def test_the_pod_is_restricted() -> None:
    """As the Pod Security Standards' level of that name wants it."""
    pod = one("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert (
        pod["securityContext"].items() >= {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}.items()
    )
    assert pod["securityContext"]["runAsUser"] > 0
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert {next(iter(set(volume) - {"name"})) for volume in pod["volumes"]} <= {"configMap", "secret", "emptyDir"}
    assert pod["automountServiceAccountToken"] is False


def test_the_user_and_the_version_are_those_of_the_image() -> None:
    pod = one("Deployment")["spec"]["template"]["spec"]

    assert f"USER {pod['securityContext']['runAsUser']}:" in (ROOT / "Dockerfile").read_text()
    assert pod["containers"][0]["image"] == f"jackpot-exporter:{__version__}"


def test_probes_and_settings_are_the_programs(exporter: Callable[..., ExporterProcess]) -> None:
    pod = one("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    running = exporter()

    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        eventually(lambda path=container[probe]["httpGet"]["path"]: running.get(path), within=30)  # type: ignore[misc]
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    settings = yaml.safe_load((BASE / "settings.yaml").read_text())
    paths = [settings["state_dir"], settings["postgres"]["password_file"], settings["redis"]["password_file"]]
    command = [str(Path(sys.executable).parent / "jackpot-exporter")]
    checked = subprocess.run(
        [*command, "check", "--config.file", str(BASE / "settings.yaml")], capture_output=True, check=True
    )
    helped = subprocess.run([*command, *container["args"], "--help"], capture_output=True, check=True)

    assert b"settings are valid" in checked.stdout
    assert b"Usage" in helped.stdout
    assert [path for path in paths if not any(path.startswith(mount) for mount in mounts)] == []


def test_the_settings_need_no_more_than_the_network_policy_lets_out() -> None:
    text = (BASE / "settings.yaml").read_text()
    ports = {port["port"] for rule in one("NetworkPolicy")["spec"]["egress"] for port in rule["ports"]}

    assert {int(port) for port in re.findall(r"(?<=:)\d{4}(?=/)", text)} | {5432, 53} == ports


@pytest.mark.parametrize("document", [d for d in EVERYTHING if d["kind"] == "PrometheusRule"], ids=named)
def test_promtool_accepts_the_rules(document: dict[str, Any], tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump(document["spec"]))

    done = subprocess.run(
        [str(find("promtool", 3)), "check", "rules", str(rules)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_prometheus_makes_the_labels_that_rules_go_by(
    exporter: Callable[..., ExporterProcess], prometheus: Callable[..., PrometheusServer]
) -> None:
    """The endpoint as the operator writes it down, behind the labels that the operator gives."""
    (endpoint,) = one("ServiceMonitor")["spec"]["endpoints"]
    relabelings = [
        {{"targetLabel": "target_label"}.get(key, key): value for key, value in entry.items()}
        for entry in endpoint["relabelings"]
    ]
    given = {"service": "jackpot-exporter", "pod": "jackpot-exporter-1", "container": "exporter", "endpoint": "metrics"}
    server = prometheus(
        {
            "scrape_configs": [
                {
                    "job_name": one("Service")["metadata"]["name"],
                    "scrape_interval": "1s",
                    "scrape_timeout": "1s",
                    "metrics_path": endpoint["path"],
                    "static_configs": [{"targets": [f"127.0.0.1:{exporter().port}"], "labels": given}],
                    "relabel_configs": relabelings,
                }
            ]
        },
        version=3,
    )

    (series,) = eventually(lambda: server.query("up"), within=30)

    assert set(series["metric"]) == {"__name__", "job", "instance", "service"}
    assert (series["metric"]["job"], series["metric"]["service"]) == ("jackpot-exporter", "jackpot")
