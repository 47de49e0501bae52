"""The backups collector knows a good backup from one that is old, empty, cut off, missing or cannot be reached."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.rounds import Round, Target
from harness.waiting import eventually_async
from jackpot_exporter.collectors import backups
from jackpot_exporter.model import Outcome
from jackpot_exporter.tools import find

GOLDEN = Path(__file__).parents[1] / "golden/backups"
STATES = {"good", "old", "empty", "damaged", "missing"}


def dump(dsn: str, file: Path, *options: str, age_seconds: float = 600) -> Path:
    """A real dump that ended so long ago."""
    file.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([str(find("pg_dump")), *options, f"--file={file}", dsn], check=True)
    return aged(file, age_seconds)


def aged(file: Path, seconds: float) -> Path:
    at = time.time() - seconds
    for path in (*file.glob("*"), file):
        os.utime(path, (at, at))
    return file


@pytest.fixture
def filled(database: Any) -> str:
    """A database whose dump has some data in it; its DSN."""
    database.execute("create table pools as select i as id, md5(i::text) as name from generate_series(1, 20000) i")
    dsn: str = database.dsn
    return dsn


def block(folder: Path, **more: Any) -> dict[str, Any]:
    return {"name": "nightly", "path": str(folder), "pattern": "*/*.dump", **more}


async def looked_at(*blocks: Mapping[str, Any]) -> Round:
    async with Target({"backups": list(blocks)}, backups.TYPE) as found:
        return await found.collect("backups")


def state(found: Round, name: str = "nightly") -> str:
    states = {label: found.value("jackpot_backup_state", backup=name, state=label) for label in STATES}
    assert sorted(states.values(), key=str) == [0, 0, 0, 0, 1]
    return next(label for label, value in states.items() if value == 1)


async def test_a_good_backup_is_known_with_all_there_is_to_know(tmp_path: Path, filled: str) -> None:
    dump(filled, tmp_path / "a/old.dump", "-Fc", age_seconds=90_000)
    new = dump(filled, tmp_path / "b/new.dump", "-Fc", age_seconds=-5)
    status = new.stat()
    (tmp_path / "b/notes.txt").write_text("not a backup")

    found = await looked_at(block(tmp_path))

    assert (found.outcome, found.notes, state(found)) == (Outcome.OK, {}, "good")
    values = {
        "last_success_timestamp_seconds": status.st_mtime,
        "size_bytes": status.st_size,
        "verified": 1,
        "files": 2,
        "oldest_timestamp_seconds": (tmp_path / "a/old.dump").stat().st_mtime,
    }
    shown = {name: found.value(f"jackpot_backup_{name}", backup="nightly") for name in values}
    assert shown == pytest.approx(values)
    # By the time that the dump says it was begun at.
    assert 3 <= (found.value("jackpot_backup_duration_seconds") or 0) <= 20


@pytest.mark.parametrize("form", ["-Fc", "-Fd", "-Ft", "-Fp"])
async def test_every_form_of_dump_can_be_verified(tmp_path: Path, filled: str, form: str) -> None:
    name = "x/full.sql" if form == "-Fp" else "x/full.dump"
    dump(filled, tmp_path / name, form)

    found = await looked_at(block(tmp_path, pattern="*/full.*"))

    assert (state(found), found.value("jackpot_backup_verified")) == ("good", 1)
    assert (found.value("jackpot_backup_size_bytes") or 0) > 100_000


@pytest.mark.parametrize("form", ["-Fc", "-Ft", "-Fp"])
@pytest.mark.parametrize("kept", [0.99, 0.5, 0.001])
async def test_a_backup_that_is_cut_off_is_damaged(tmp_path: Path, filled: str, form: str, kept: float) -> None:
    name = "x/full.sql" if form == "-Fp" else "x/full.dump"
    file = dump(filled, tmp_path / name, form)
    os.truncate(file, int(file.stat().st_size * kept))
    aged(file, 600)

    found = await looked_at(block(tmp_path, pattern="*/full.*"))

    assert state(found) == "damaged"
    assert found.value("jackpot_backup_verified") == 0
    assert found.value("jackpot_backup_last_success_timestamp_seconds") is None
    assert "cannot be read" in found.batch.notes[0].message


async def test_the_last_success_is_the_newest_that_can_be_read(tmp_path: Path, filled: str) -> None:
    good = dump(filled, tmp_path / "a/1.dump", "-Fc", age_seconds=5000)
    for name, age in (("2", 4000), ("3", 3000)):
        shutil.copy(good, tmp_path / f"a/{name}.dump")
        os.truncate(tmp_path / f"a/{name}.dump", 2000)
        aged(tmp_path / f"a/{name}.dump", age)
    (tmp_path / "a/4.dump").touch()
    aged(tmp_path / "a/4.dump", 2000)

    found = await looked_at(block(tmp_path))

    assert state(found) == "empty"
    assert found.value("jackpot_backup_last_success_timestamp_seconds") == pytest.approx(good.stat().st_mtime)
    assert found.value("jackpot_backup_size_bytes") == 0


async def test_an_old_backup_says_so(tmp_path: Path, filled: str) -> None:
    dump(filled, tmp_path / "a/1.dump", "-Fc", age_seconds=27 * 3600)

    found = await looked_at(block(tmp_path))
    patient = await looked_at(block(tmp_path, max_age="2d"))

    assert (state(found), state(patient)) == ("old", "good")
    assert "older" in found.batch.notes[0].message


@pytest.mark.parametrize(
    "make", [lambda _: None, lambda p: p.mkdir(), lambda p: p.touch()], ids=["no", "empty", "file"]
)
async def test_a_missing_backup_says_so(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "backups")

    found = await looked_at(block(tmp_path / "backups"))

    assert state(found) == "missing"
    assert found.value("jackpot_backup_last_success_timestamp_seconds") is None
    assert len(found.batch.notes) == 1


async def test_a_file_that_is_being_written_is_not_judged(tmp_path: Path, filled: str) -> None:
    good = dump(filled, tmp_path / "a/1.dump", "-Fc")
    (tmp_path / "a/2.dump").write_bytes(good.read_bytes()[:1000])

    found = await looked_at(block(tmp_path))

    assert (state(found), found.value("jackpot_backup_verified")) == ("good", 1)
    assert found.value("jackpot_backup_files") == 1


async def test_a_verdict_is_remembered_until_the_file_changes(tmp_path: Path, filled: str) -> None:
    file = dump(filled, tmp_path / "a/1.dump", "-Fc")
    runs = tmp_path / "runs"
    program = script(tmp_path, f'echo run >> {runs}; exec {find("pg_restore")} "$@"')

    async with Target({"backups": [block(tmp_path, pg_restore=str(program))]}, backups.TYPE) as target:
        for _ in range(3):
            await target.collect("backups")
        first = len(runs.read_text().split())
        file.write_bytes(b"PGDMP but no dump")
        aged(file, 500)
        changed = await target.collect("backups")

    assert first == 2  # the list of contents, and the data
    assert changed.value("jackpot_backup_verified") == 0


def script(folder: Path, text: str) -> Path:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def of_group(process_id: int) -> list[psutil.Process]:
    """The processes of this group that have not ended."""
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == process_id and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, ProcessLookupError):
            continue
    return found


async def test_a_verification_that_hangs_is_ended_and_not_tried_again(tmp_path: Path, filled: str) -> None:
    dump(filled, tmp_path / "a/1.dump", "-Fc")
    pids = tmp_path / "pids"
    program = script(tmp_path, f"echo $$ >> {pids}; sleep 1000 & wait")

    settings = {"interval": 1, "backups": [block(tmp_path, pg_restore=str(program), verify_timeout="500ms")]}
    async with Target(settings, backups.TYPE) as target:
        first = await target.collect("backups")

        async def given_up() -> bool:
            return "nightly verify" in (await target.collect("backups")).notes

        await eventually_async(given_up)
        last = await target.collect("backups")

    assert state(first) == "good"
    assert last.value("jackpot_backup_verified") is None
    assert last.notes["nightly verify"] is Outcome.TIMEOUT
    [process_id] = map(int, pids.read_text().split())
    assert of_group(process_id) == []


async def test_a_program_that_says_too_much_is_bounded(tmp_path: Path, filled: str) -> None:
    dump(filled, tmp_path / "a/1.dump", "-Fc")
    program = script(tmp_path, "head -c 300000000 /dev/zero; head -c 300000000 /dev/zero >&2; exit 3")
    before = psutil.Process().memory_info().rss

    found = await looked_at(block(tmp_path, pg_restore=str(program)))

    assert found.value("jackpot_backup_verified") == 0
    assert psutil.Process().memory_info().rss - before < 64 * 1024 * 1024


async def test_without_pg_restore_nothing_is_claimed(tmp_path: Path, filled: str) -> None:
    dump(filled, tmp_path / "a/1.dump", "-Fc")

    found = await looked_at(block(tmp_path, pg_restore="/no/such/program"))

    assert found.notes == {"nightly verify": Outcome.MISSING}
    assert found.value("jackpot_backup_verified") is None
    assert found.value("jackpot_backup_last_success_timestamp_seconds") is not None


async def test_one_that_hangs_does_not_hold_up_the_others(tmp_path: Path, filled: str) -> None:
    dump(filled, tmp_path / "a/1.dump", "-Fc")
    command = [str(script(tmp_path, "sleep 1000"))]
    hanging = {"name": "stuck", "pgbackrest": {"command": command}}

    started = time.monotonic()
    found = await looked_at(block(tmp_path), {**hanging, "interval": 4, "timeout": 2})

    assert time.monotonic() - started < 20
    assert (state(found), found.value("jackpot_backup_verified")) == ("good", 1)
    assert found.notes == {"stuck": Outcome.TIMEOUT}


async def test_a_file_that_never_answers_costs_one_thread(tmp_path: Path) -> None:
    pipe = tmp_path / "info.json"
    os.mkfifo(pipe)  # whoever opens it waits for a writer
    settings = {"interval": 4, "backups": [{"name": "repo", "timeout": 3, "pgbackrest": {"file": str(pipe)}}]}

    async with Target(settings, backups.TYPE) as target:
        before = set(threading.enumerate())  # one of an earlier test may end meanwhile
        rounds = [await target.collect("backups") for _ in range(4)]
        begun = set(threading.enumerate()) - before
        pipe.write_text("[]")  # lets the thread go

        async def is_back() -> bool:
            return not any(thread.is_alive() for thread in begun)

        await eventually_async(is_back)

    assert [found.notes for found in rounds] == [{"repo": Outcome.TIMEOUT}] * 4
    assert len(begun) == 1


async def test_a_compressed_script_is_read_to_its_end(tmp_path: Path) -> None:
    for name, cut in (("good", 0), ("cut", 100)):
        data = gzip.compress(os.urandom(100_000))
        (tmp_path / f"{name}.sql.gz").write_bytes(data[: len(data) - cut])
        aged(tmp_path / f"{name}.sql.gz", 600)

    found = await looked_at(
        *({"name": name, "path": str(tmp_path), "pattern": f"{name}.sql.gz"} for name in ("good", "cut"))
    )

    assert (state(found, "good"), state(found, "cut")) == ("good", "damaged")


async def test_the_duration_is_also_known_by_the_name_of_the_file(tmp_path: Path) -> None:
    begun = time.time() - 3600
    name = time.strftime("jackpot_full_backup_%Y%m%d_%H%M%S.tar", time.localtime(begun))
    (tmp_path / name).write_text("x")
    aged(tmp_path / name, 3600 - 90)

    found = await looked_at({"name": "files", "path": str(tmp_path), "verify": False})

    assert found.value("jackpot_backup_duration_seconds") == pytest.approx(90, abs=2)


async def test_more_files_than_are_looked_at_are_said(tmp_path: Path) -> None:
    for i in range(30):
        (tmp_path / f"{i}.tar").write_text("x")
        aged(tmp_path / f"{i}.tar", 600 + i)

    found = await looked_at({"name": "files", "path": str(tmp_path), "verify": False, "max_files": 20})

    assert found.value("jackpot_backup_files") == 20
    assert found.notes == {"files max_files": Outcome.BAD_DATA}


async def test_pgbackrest_is_read_as_it_speaks() -> None:
    settings = {"name": "repo", "pgbackrest": {"file": str(GOLDEN / "pgbackrest_2.45.json")}, "max_age": "20y"}
    found = await looked_at(settings)

    assert (found.outcome, found.notes, state(found, "repo")) == (Outcome.OK, {}, "good")
    [stanza] = json.loads((GOLDEN / "pgbackrest_2.45.json").read_text())
    first, last = stanza["backup"]
    values = {
        "last_success_timestamp_seconds": last["timestamp"]["stop"],
        "oldest_timestamp_seconds": first["timestamp"]["stop"],
        "duration_seconds": last["timestamp"]["stop"] - last["timestamp"]["start"],
        "size_bytes": last["info"]["size"],
        "repository_size_bytes": 3042063 + 430,
        "files": 2,
        "verified": 1,
    }
    assert {name: found.value(f"jackpot_backup_{name}", backup="repo") for name in values} == values


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((GOLDEN / "pgbackrest_2.45_without_backups.json").read_text(), "missing"),
        ("[]", "missing"),
        ('[{"name":"a","backup":[{"error":true,"timestamp":{"start":1,"stop":9},"info":{"size":5}}]}]', "damaged"),
        ('[{"name":"jackpot","backup":[{"timestamp":{"start":1,"stop":9},"info":{"size":5}}]}]', "old"),
    ],
)  # fmt: skip
async def test_what_pgbackrest_complains_of_is_said(tmp_path: Path, said: str, expected: str) -> None:
    command = [str(script(tmp_path, f"cat <<'EOF'\n{said}\nEOF"))]

    found = await looked_at({"name": "repo", "pgbackrest": {"command": command}})

    assert state(found, "repo") == expected
    assert found.batch.notes


@pytest.mark.parametrize(
    "said", ["", "{}", "[" * 100_000, '[{"name":1,"backup":7}]', '[{"backup":[7,{"timestamp":3}]}]', "[7]"]
)
async def test_nonsense_from_pgbackrest_is_no_bug(tmp_path: Path, said: str) -> None:
    (tmp_path / "said").write_text(said)

    found = await looked_at({"name": "repo", "pgbackrest": {"file": str(tmp_path / "said")}})

    assert found.outcome is not Outcome.BUG, found.batch.message
    assert found.batch.notes


async def test_a_stopped_exporter_leaves_no_child(tmp_path: Path, filled: str) -> None:
    dump(filled, tmp_path / "a/1.dump", "-Fc")
    pids = tmp_path / "pids"
    program = script(tmp_path, f"echo $$ >> {pids}; sleep 1000")
    settings = {"interval": 1, "backups": [block(tmp_path, pg_restore=str(program))]}

    async def once() -> None:
        async with Target(settings, backups.TYPE) as target:
            await target.collect("backups")

    await asyncio.to_thread(asyncio.run, once())

    assert of_group(int(pids.read_text())) == []
    assert signal.getsignal(signal.SIGCHLD) in (signal.SIG_DFL, None)
