"""Files and drift: what is written, what `--check` says, and how far a change reaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.promtool import run_promtool
from harness.small_packs import edit
from jackpot_exporter.bundle import Artifact, compile_bundle, generate, load_packs
from jackpot_exporter.bundle.command import run

ROOT = Path(__file__).parent.parent.parent


def test_committed_files_are_what_the_packs_compile_to(artifacts: list[Artifact]) -> None:
    drift = generate(artifacts, ROOT, check=True)

    assert not drift, (
        f"run `jackpot-exporter generate`: {drift.missing} {drift.stale} {drift.orphan}\n{drift.diff[:2000]}"
    )


def test_output_is_deterministic(small: Path) -> None:
    assert compile_bundle(load_packs(small)) == compile_bundle(load_packs(small))


def test_check_lists_missing_stale_and_orphan_with_a_diff(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(out, packs=small)
    (out / "prometheus/tests/small_test.yml").unlink()
    rules = out / "prometheus/rules/small.yml"
    rules.write_text(rules.read_text().replace("< 100", "< 99"))
    (out / "prometheus/rules/old.yml").write_text("groups: []\n")
    capsys.readouterr()

    status = run(out, packs=small, check=True)

    said = capsys.readouterr().err
    assert status == 1
    assert "missing: prometheus/tests/small_test.yml" in said
    assert "stale: prometheus/rules/small.yml" in said
    assert "orphan: prometheus/rules/old.yml" in said
    assert "-    expr: sum by (service) (pool_amount) < 99" in said
    assert "+    expr: sum by (service) (pool_amount) < 100" in said
    assert not (out / "prometheus/tests/small_test.yml").exists()


def test_generate_brings_files_into_line(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, packs=small)
    (out / "prometheus/rules/small.yml").write_text("groups: []\n")

    assert run(out, packs=small) == 0
    assert run(out, packs=small, check=True) == 0


def test_an_orphan_of_ours_goes_and_a_strangers_file_stays(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, packs=small)
    ours = out / "prometheus/rules/gone.yml"
    ours.write_bytes((out / "prometheus/rules/small.yml").read_bytes())
    strange = out / "prometheus/rules/own.yml"
    strange.write_text("groups: []\n")

    run(out, packs=small)

    assert not ours.exists()
    assert strange.exists()


def test_a_threshold_changes_rule_tests_and_runbook_and_nothing_else(small: Path, tmp_path: Path) -> None:
    before = {artifact.path: artifact.content for artifact in compile_bundle(load_packs(small))}
    edit(small, "small/alerts.yaml", "values: {minimum: 100}", "values: {minimum: 250}")

    after = {artifact.path: artifact.content for artifact in compile_bundle(load_packs(small))}

    changed = {path for path in before | after if before.get(path) != after.get(path)}
    assert changed == {
        "prometheus/rules/small.yml",
        "prometheus/operator/small.yaml",
        "prometheus/tests/small_test.yml",
        "prometheus/RUNBOOK.md",
    }


def test_tests_follow_a_changed_threshold(small: Path, promtool: Path, tmp_path: Path) -> None:
    edit(small, "small/alerts.yaml", "values: {minimum: 100}", "values: {minimum: 250}")
    generate(compile_bundle(load_packs(small)), tmp_path, check=False)

    for file in sorted((tmp_path / "prometheus/tests").glob("*.yml")):
        verdict = run_promtool(promtool, "test", "rules", file)
        assert verdict.is_good, verdict.text


def test_what_only_promtool_refuses_is_refused(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The loader's parser does not read the templates of labels; promtool does."""
    edit(
        small,
        "small/alerts.yaml",
        "    kind: business\n",
        "    kind: business\n    labels: {team: '{{ $labels.service | nobody }}'}\n",
    )

    status = run(tmp_path / "out", packs=small)

    assert status == 2
    assert "promtool" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_promtool_the_command_says_so(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("JACKPOT_EXPORTER_CACHE", str(tmp_path / "cache"))

    status = run(tmp_path / "out", packs=small)

    assert status == 0
    assert "rules not checked by promtool: promtool is not installed" in capsys.readouterr().err


def test_an_old_promtool_is_named(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin" / "promtool"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'promtool, version 2.24.1'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:/usr/bin:/bin")

    status = run(tmp_path / "out", packs=small)

    assert status == 0
    assert "is 2.24.1; the rules need 2.42 or later" in capsys.readouterr().err
