"""`jackpot-exporter report` as it is typed: documents, exit status, and what is needed for which format."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.made_reports import Made
from jackpot_exporter.demo.process import free_port
from jackpot_exporter.demo.programs import SinkProcess

WITHOUT_EXTRA = """
import importlib.util, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {"matplotlib", "fpdf"} else found(name, package)
sys.modules.update(dict.fromkeys(("matplotlib", "fpdf", "numpy")))
from jackpot_exporter.cli import main
main()
"""
COMMAND = [sys.executable, "-m", "jackpot_exporter"]


def run(made: Made, *arguments: str, command: list[str] | None = None) -> subprocess.CompletedProcess[bytes]:
    servers = ["--prometheus.url", made.prometheus.url, "--alertmanager.url", made.alertmanager.url]
    until = ["--until", datetime.fromtimestamp(made.end, UTC).isoformat()]
    line = [*(command or COMMAND), "report", *servers, *until, *arguments]
    return subprocess.run(line, capture_output=True, timeout=120, check=False)


def test_the_page_is_the_default(made: Made, tmp_path: Path) -> None:
    done = run(made, "--since", "24h", "--output", str(tmp_path / "page.html"))

    page = (tmp_path / "page.html").read_bytes()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert page.startswith(b"<!doctype html>")
    assert b"<h1>Health: demo</h1>" in page
    assert b"<svg" in page
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_json_goes_to_standard_output(made: Made) -> None:
    done = run(made, "--format", "json", "--kind", "performance")

    document = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (document["kind"], document["services"]) == ("performance", ["demo"])
    assert document["period"]["end"] - document["period"]["start"] == 4 * 3600


def test_a_pdf(made: Made) -> None:
    done = run(made, "--format", "pdf", "--kind", "performance", "--since", "1h")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"%PDF-1.")


def test_a_silent_server_is_status_1_with_a_report(made: Made) -> None:
    done = run(made, "--format", "md", "--alertmanager.url", f"http://ada:hunter2@127.0.0.1:{free_port()}")

    assert done.returncode == 1
    assert b"Alertmanager did not answer everything" in done.stderr
    assert done.stdout.startswith(b"# Health: demo")
    assert b"hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--kind", "yearly"], "'yearly' is not one of"),
        (["--since", "soon"], "not a duration"),
        (["--since", "1s"], "between a minute and a year"),
        (["--until", "noon"], "is no time"),
        (["--namespace", 'x"}'], "--namespace"),
        (["--prometheus.url", "ftp://x"], "http://"),
        (["--smtp-user", "ops"], "belong together"),
        (["--webhook", "x", "--webhook-file", "y"], "exclude each other"),
        (["--smtp-user", "a", "--smtp-password-file", "b", "--smtp-security", "none"], "in the clear"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_mistakes_are_status_2(made: Made, arguments: list[str], says: str) -> None:
    done = run(made, *arguments)

    assert done.returncode == 2
    assert says in done.stderr.decode()
    assert done.stdout == b""


def test_without_the_extra(made: Made) -> None:
    bare = [sys.executable, "-c", WITHOUT_EXTRA]

    page, text = run(made, command=bare), run(made, "--format", "md", "--kind", "weekly", command=bare)
    pdf = run(made, "--format", "pdf", command=bare)

    assert page.returncode == text.returncode == 0, page.stderr + text.stderr
    assert b"jackpot-exporter[report]" in page.stdout
    assert b"<svg" not in page.stdout
    assert b"## Statements and indexes" in text.stdout
    assert pdf.returncode == 2
    assert b"jackpot-exporter[report]" in pdf.stderr


def test_serving_loads_nothing_of_it() -> None:
    """Charts cost more memory than all of the exporter."""
    code = (
        "import sys, jackpot_exporter.serve, jackpot_exporter.cli\n"
        "heavy = ('matplotlib', 'numpy', 'fpdf', 'jackpot_exporter.report')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "[]\n"


def test_it_is_sent_and_not_printed(made: Made) -> None:
    hook = f"http://127.0.0.1:{free_port()}/s3cret"
    with SinkProcess() as sink:
        mail = ["--mail-to", "ops@example.com", "--smtp-host", "127.0.0.1", "--smtp-port", str(sink.smtp_port)]
        done = run(made, "--kind", "performance", *mail, "--smtp-security", "none", "--webhook", hook)
        received = sink.received()

    assert [one.to for one in received] == ["ops@example.com"]
    assert "Performance: demo" in received[0].title
    assert done.returncode == 1  # nobody is at the webhook
    assert b"webhook: " in done.stderr
    assert b"s3cret" not in done.stderr
    assert done.stdout == b""


def test_a_terminal_sees_a_bar(made: Made, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    servers = ["--prometheus.url", made.prometheus.url, "--alertmanager.url", made.alertmanager.url]
    line = [*COMMAND, "report", "--format", "md", "--kind", "performance", *servers, "--output", str(tmp_path / "x.md")]
    with subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        seen = b""
        while b"100%" not in seen and (piece := _read(ours)):
            seen += piece
        assert process.wait(60) == 0
    os.close(ours)

    assert b"Asking" in seen
    assert b"100%" in seen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that nobody writes any more
        return b""
