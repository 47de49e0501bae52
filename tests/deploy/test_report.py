"""The report at 08:00: as a timer of systemd and as a CronJob; accepted, restricted, in step with the command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.kubernetes import build, problems
from jackpot_exporter import __version__
from jackpot_exporter.tools import find

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "deploy" / "systemd"
UNIT = (SYSTEMD / "jackpot-report.service").read_text()
TIMER = (SYSTEMD / "jackpot-report.timer").read_text()
OBJECTS = build(ROOT / "deploy" / "report")
COMMAND = str(Path(sys.executable).parent / "jackpot-exporter")
_EXPOSURE = 20


def one(kind: str) -> dict[str, Any]:
    (found,) = [document for document in OBJECTS if document["kind"] == kind]
    return found


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [find("systemd-analyze"), "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def accepts(*words: str) -> bool:
    """The command line as it would be called; `--help` at its end keeps it from running."""
    done = subprocess.run([COMMAND, *words, "--help"], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0


def environment(text: str) -> set[str]:
    return set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE))


def known_variables() -> set[str]:
    """What the options read, besides MAIL_TO, which the lines below pass on."""
    source = (ROOT / "exporter" / "jackpot_exporter" / "report" / "options.py").read_text()
    return {*re.findall(r'envvar="(\w+)"', source), "MAIL_TO"}


def test_the_timer_rings_at_eight() -> None:
    (calendar,) = re.findall(r"^OnCalendar=(.*)$", TIMER, re.MULTILINE)

    said = analyze("calendar", "--base-time=2026-03-01 12:00:00 UTC", calendar)

    assert said.returncode == 0, said.stderr
    assert "2026-03-02 08:00:00 UTC" in said.stdout


def test_systemd_accepts_both(tmp_path: Path) -> None:
    units = tmp_path / "etc" / "systemd" / "system"
    program = tmp_path / "opt" / "jackpot-exporter" / "bin" / "jackpot-exporter"
    for folder in (units, program.parent):
        folder.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in ("sysinit", "basic", "timers", "network-online", "shutdown", "time-sync", "time-set"):
        (units / f"{name}.target").write_text("[Unit]\n")
    (units / "jackpot-report.service").write_text(UNIT)
    (units / "jackpot-report.timer").write_text(TIMER)

    well = analyze("verify", f"--root={tmp_path}", "--man=no", "/etc/systemd/system/jackpot-report.timer")
    (units / "jackpot-report.timer").write_text(TIMER.replace("Persistent", "Persistant"))
    ill = analyze("verify", f"--root={tmp_path}", "--man=no", "/etc/systemd/system/jackpot-report.timer")

    assert (well.returncode, well.stderr) == (0, "")
    assert "Persistant" in ill.stderr


def test_its_exposure_is_at_most_two() -> None:
    done = analyze("security", "--offline=true", f"--threshold={_EXPOSURE}", SYSTEMD / "jackpot-report.service")

    assert done.returncode == 0, done.stdout


def test_the_unit_calls_what_there_is() -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    program, *words = line.split()

    assert program == "/opt/jackpot-exporter/bin/jackpot-exporter"
    assert accepts(*words)
    assert not accepts(*words, "--no-such-option")
    assert environment((SYSTEMD / "report.env").read_text()) <= known_variables()


def test_the_schemas_accept_it() -> None:
    assert problems(OBJECTS) == []


def test_the_cron_job_rings_at_eight_and_calls_what_there_is() -> None:
    spec = one("CronJob")["spec"]
    (container,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]

    assert (spec["schedule"], spec["timeZone"]) == ("0 8 * * *", "Etc/UTC")
    assert accepts(*container["args"])
    assert set(one("ConfigMap")["data"]) | {variable["name"] for variable in container["env"]} <= known_variables()


def test_its_configuration_and_image_are_there() -> None:
    name = one("ConfigMap")["metadata"]["name"]
    (container,) = one("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]

    assert container["envFrom"] == [{"configMapRef": {"name": name}}]
    assert container["env"][0]["valueFrom"]["configMapKeyRef"]["name"] == name
    assert container["image"] == f"jackpot-exporter-report:{__version__}"
    assert "FROM run AS report" in (ROOT / "Dockerfile").read_text()


def test_the_pod_is_restricted() -> None:
    """As the Pod Security Standards' level of that name wants it."""
    pod = one("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("port", [9090, 9093, 587])
def test_the_network_policy_lets_out_what_it_asks(port: int) -> None:
    ports = {entry["port"] for rule in one("NetworkPolicy")["spec"]["egress"] for entry in rule["ports"]}

    assert port in ports
    assert str(port) in str(one("ConfigMap")["data"]) or port == 587
