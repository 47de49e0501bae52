"""Processors, memory, disks and the cache, beside what they may use."""

from __future__ import annotations

from ..model import Amount, Column, Section, Status, Table, Unit
from ._parts import Material, computed, facts, lines, quotient, table, unanswered

QUESTIONS = (
    "cpu_mean",
    "cpu_limit",
    "memory_most",
    "memory_limit",
    "host_cpu",
    "host_memory",
    "disk_used",
    "cache_hits",
    "cache_misses",
    "cache_evicted",
    "cpu_course",
    "memory_course",
)
_LOOK, _BAD = 0.8, 0.9


def section(material: Material) -> Section:
    hits, misses = (material.answers.by(name, "service") for name in ("cache_hits", "cache_misses"))
    found = {key[0]: quotient(count, count + misses.get(key, 0.0)) for key, count in hits.items()}
    return Section(
        "resources",
        "Resources",
        (
            *facts(material, "host_cpu", "Processors busy, mean", Unit.RATIO, _judge),
            *facts(material, "host_memory", "Memory in use, mean", Unit.RATIO, _judge),
            *computed(material, "Found in the cache", found, Unit.RATIO),
            *facts(material, "cache_evicted", "Keys evicted from the cache"),
        ),
        charts=(
            lines(material, "In use on the host", Unit.RATIO, {"cpu_course": "processors", "memory_course": "memory"}),
        ),
        tables=(_processes(material), _disks(material)),
        remarks=unanswered(material, *QUESTIONS),
    )


def _judge(share: float) -> Status:
    return Status.BAD if share >= _BAD else Status.LOOK if share >= _LOOK else Status.GOOD


def _processes(material: Material) -> Table:
    labels = ("service", "process")
    cpu, cpu_limit, memory, memory_limit = (material.answers.by(name, *labels) for name in QUESTIONS[:4])
    columns = [
        Column("Process"),
        Column("Processors, mean", Unit.COUNT),
        Column("Allowed", Unit.COUNT),
        Column("Memory at most", Unit.BYTES),
        Column("Allowed", Unit.BYTES),
        Column("Of it", Unit.RATIO),
    ]
    rows: list[tuple[Amount, ...]] = [
        (
            *key,
            None if key not in cpu else f"{cpu[key]:.2f}",
            cpu_limit.get(key),
            memory.get(key),
            memory_limit.get(key),
            quotient(memory.get(key), memory_limit.get(key)),
        )
        for key in sorted({*cpu, *memory})
    ]
    return table(material, "Processes", columns, rows)


def _disks(material: Material) -> Table:
    used = sorted(material.answers.by("disk_used", "service", "mountpoint").items(), key=lambda one: -one[1])
    rows: list[tuple[Amount, ...]] = [(*key, share) for key, share in used]
    return table(material, "File systems at the end", [Column("Mounted at"), Column("In use", Unit.RATIO)], rows)
