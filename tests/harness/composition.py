"""docker-compose.yml put to work on one machine without containers: the same programs, commands, files and order.

What Compose itself understands of the file is what is run. Each service gets a folder that stands for its container:
mounts lie in it at their paths, and in commands and files a container's paths and `service:port` become those here.
Grafana is not run, and the image of PostgreSQL is stood in for by a server that runs its init scripts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from jackpot_exporter.demo.process import ServerProcess, free_port
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.packsettings import shipped_systems
from jackpot_exporter.tools import find

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"

_OWN_ADDRESS = {
    "redis": " --bind 127.0.0.1 --port {6379}",
    "service": " --host 127.0.0.1 --port {3000} --health-port {3001}",
    **dict.fromkeys(shipped_systems(), " --host 127.0.0.1 --port {8000}"),
    "sink": "--host 127.0.0.1 --port {8025} --smtp-port {2525}",
    **dict.fromkeys(
        ("exporter", *(f"{system}-exporter" for system in shipped_systems())),
        "--web.listen-address 127.0.0.1:{7777}",
    ),
    "prometheus": "--web.listen-address=127.0.0.1:{9090}",
    "alertmanager": "--web.listen-address=127.0.0.1:{9093}",
}
"""What makes a program listen where there is room; in its container it has the port to itself."""

_PROGRAMS: dict[str, tuple[str, str | int]] = {
    "prometheus": ("prometheus", 3),
    "alertmanager": ("alertmanager", "current"),
}
_PORTS = {"postgres": 5432, "redis": 6379}
NOT_RUN = ("grafana",)


def compose_config(*arguments: str, text: str | None = None, profile: str = "") -> subprocess.CompletedProcess[str]:
    """`docker compose config`, of the shipped file or of `text`; `*` is all profiles."""
    which = ["-f", str(FILE)] if text is None else ["--project-directory", str(ROOT), "-f", "-"]
    chosen = ["--profile", profile] if profile else []
    command = [str(find("docker-compose", 2)), *which, *chosen, "config", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def load_composition(profile: str = "") -> dict[str, Any]:
    """The file as Compose understands it."""
    done = compose_config("--format", "json", profile=profile)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def start_order(services: Mapping[str, Any]) -> list[str]:
    """Each after those it waits for."""
    order: list[str] = []
    while len(order) < len(services):
        ready = [n for n, s in services.items() if n not in order and set(s.get("depends_on", {})) <= set(order)]
        assert ready, "the services wait for each other"
        order.extend(ready)
    return order


class _Program(ServerProcess):
    def __init__(self, command: list[str], environment: Mapping[str, str], check: list[str] | None) -> None:
        super().__init__()
        self._command, self._environment, self._check = command, environment, check

    def command(self) -> list[str]:
        return ["/usr/bin/env", *(f"{name}={value}" for name, value in self._environment.items()), *self._command]

    def is_ready(self) -> bool:
        return self._check is None or _run(self._check, self._environment).returncode == 0


class Composition:
    """The stack, running inside the context, and what a profile adds to it."""

    def __init__(self, folder: Path, profile: str = "") -> None:
        self.services: dict[str, Any] = load_composition(profile)["services"]
        self._folder = folder
        self._ports: dict[str, int] = {}
        self._stack = ExitStack()
        self._programs: dict[str, ServerProcess] = {}
        self.postgres: PostgresServer | None = None

    def __enter__(self) -> Composition:
        with ExitStack() as stack:
            for name in start_order(self.services):
                if name not in NOT_RUN:
                    self._start(name, stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def address(self, service: str, port: int) -> str:
        """Where a container's port is here."""
        return f"127.0.0.1:{self._port(service, port)}"

    def run_in(self, name: str, command: str) -> subprocess.CompletedProcess[str]:
        """A shell's command as `docker compose exec` would run it."""
        return _run(["sh", "-c", self._here(name, command)], self._environment(name))

    def health_check(self, name: str) -> subprocess.CompletedProcess[str]:
        """The health check of a service as Compose would run it now."""
        check = self._check_of(name)
        assert check is not None
        return _run(check, self._environment(name))

    def stop(self, name: str) -> None:
        """As `docker compose stop` does."""
        self._programs[name].stop()

    def start(self, name: str) -> None:
        """As `docker compose start` does."""
        self._programs[name].start()

    def _start(self, name: str, stack: ExitStack) -> None:
        self._stage(name)
        if name == "postgres":
            self._start_postgres(stack)
            return
        command = self._command(name)
        waits = {s["depends_on"][name]["condition"] for s in self.services.values() if name in s.get("depends_on", {})}
        if waits == {"service_completed_successfully"}:
            ended = _run(command, self._environment(name))
            assert ended.returncode == 0, ended.stderr
            return
        program = _Program(command, self._environment(name), self._check_of(name))
        self._programs[name] = stack.enter_context(program)

    def _start_postgres(self, stack: ExitStack) -> None:
        """What the image does with its variables, the command's settings and the scripts."""
        given = self.services["postgres"]
        settings = dict(one.split("=") for one in given["command"][1:] if one != "-c")
        settings.pop("shared_preload_libraries")  # the harness has it on
        server = PostgresServer(version=18, settings=settings, port=self._port("postgres", 5432))
        self.postgres = stack.enter_context(server)
        environment = self._environment("postgres")
        password = Path(environment["POSTGRES_PASSWORD_FILE"]).read_text().strip()
        user, database = environment["POSTGRES_USER"], environment["POSTGRES_DB"]
        server.execute(f"create role {user} superuser login password '{password}'")
        server.execute(f"create database {database} owner {user}")
        login = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGPASSWORD": password}
        for script in sorted(self._place("postgres", "/docker-entrypoint-initdb.d").glob("*.sh")):
            ended = _run(["sh", str(script)], {**environment, **login})
            assert ended.returncode == 0, ended.stderr

    def _command(self, name: str) -> list[str]:
        command = [self._here(name, word) for word in self.services[name]["command"]]
        more = re.sub(r"\{(\d+)\}", lambda m: str(self._port(name, int(m[1]))), _OWN_ADDRESS.get(name, ""))
        if command[0] == "sh":
            return [*command[:-1], command[-1].rstrip() + more]
        if name in _PROGRAMS:
            command = [str(find(*_PROGRAMS[name])), *command]
        elif name.endswith("exporter"):
            command = ["jackpot-exporter", *command]
        return [*command, *more.split()]

    def _check_of(self, name: str) -> list[str] | None:
        found = self.services[name].get("healthcheck")
        if found is None:
            # That of the image, which is not Compose's to tell.
            return None
        kind, *words = [self._here(name, word) for word in found["test"]]
        extra = {"postgres": f"--port={self._port('postgres', 5432)}"}.get(name)
        if name == "redis":
            words = [words[0].replace("redis-cli", f"redis-cli -p {self._port('redis', 6379)}")]
        return ["sh", "-c", *words] if kind == "CMD-SHELL" else [*words, *([extra] if extra else [])]

    def _environment(self, name: str) -> dict[str, str]:
        versions: list[tuple[str, str | int]] = [
            ("postgres", 18),
            ("redis-server", 8),
            ("prometheus", 3),
            ("alertmanager", "current"),
        ]
        folders = [str(Path(sys.executable).parent), *(str(find(*one).parent) for one in versions)]
        given = {key: self._here(name, value) for key, value in self.services[name].get("environment", {}).items()}
        own = {"PGPORT": str(self._port("postgres", 5432))} if name == "service" else {}
        return {"PATH": os.pathsep.join([*folders, os.environ["PATH"]]), "NO_PROXY": "*", **own, **given}

    def _stage(self, name: str) -> None:
        """Everything that is mounted, at its path, with the addresses of here."""
        for source, target, is_volume in self._mounts(name):
            place = self._place(name, target)
            place.parent.mkdir(parents=True, exist_ok=True)
            if is_volume:
                (self._folder / "volumes" / source).mkdir(parents=True, exist_ok=True)
                place.symlink_to(self._folder / "volumes" / source)
            elif Path(source).is_dir():
                shutil.copytree(source, place)
            else:
                shutil.copy(source, place)
            if not is_volume:
                for file in [place, *place.rglob("*")]:
                    if file.is_file():
                        file.write_text(self._here(name, file.read_text()))

    def _mounts(self, name: str) -> Iterator[tuple[str, str, bool]]:
        service = self.services[name]
        for volume in service.get("volumes", ()):
            yield volume["source"], volume["target"], volume["type"] == "volume"
        for secret in service.get("secrets", ()):
            yield str(ROOT / "deploy/compose/secrets" / secret["source"]), f"/run/secrets/{secret['source']}", False

    def _place(self, name: str, target: str) -> Path:
        return self._folder / name / target.lstrip("/")

    def _places(self, name: str) -> dict[str, Path]:
        """Where its paths are; the bundle is written for the container of Alertmanager."""
        reader = "alertmanager" if name == "bundle" else name
        return {target: self._place(one, target) for one in (reader, name) for _, target, _ in self._mounts(one)}

    def _here(self, name: str, text: str) -> str:
        """A text of the service, with its container's paths and addresses replaced and Compose's $$ undone."""
        text = text.replace("$$", "$")
        places = self._places(name)
        if places:
            paths = "|".join(re.escape(path) for path in sorted(places, key=len, reverse=True))
            text = re.sub(rf"(?<![\w.-])({paths})(?![\w-])", lambda m: str(places[m[1]]), text)
        names = "|".join(self.services)
        text = re.sub(rf"(?<![\w.-])({names}):(\d+)", lambda m: self.address(m[1], int(m[2])), text)
        text = re.sub(
            r"@(postgres)(?=/)", lambda m: f"@{self.address(m[1], _PORTS[m[1]])}", text
        )  # the port is the usual one
        return re.sub(r"(127\.0\.0\.1|localhost):(\d{4})(?!\d)", lambda m: self.address(name, int(m[2])), text)

    def _port(self, service: str, port: int) -> int:
        return self._ports.setdefault(f"{service}:{port}", free_port())


def _run(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/usr/bin/env", *(f"{name}={value}" for name, value in environment.items()), *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
