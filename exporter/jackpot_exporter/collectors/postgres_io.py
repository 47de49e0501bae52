"""What PostgreSQL reads and writes: background writer, checkpoints, and input and output by kind of backend.

PostgreSQL 17 moved the counters of checkpoints from pg_stat_bgwriter to pg_stat_checkpointer, and those of backends
to pg_stat_io. Each family is shown where the server has it, under the name postgres_exporter gives it.
"""

from __future__ import annotations

from ..clients import Clients
from ..config import CollectorSection, Schedule
from ..model import MetricSpec, counter
from ._base import CollectorType
from ._postgres import STATS, Part, PartsCollector, access
from ._postgres_views import View, computed, epoch, plain, seconds, whole

BGWRITER = View(
    "pg_catalog.pg_stat_bgwriter",
    (),
    (
        *(
            plain(counter(f"pg_stat_bgwriter_{column}_total", help_text), column)
            for column, help_text in (
                ("buffers_alloc", "Buffers allocated."),
                ("buffers_clean", "Buffers written by the background writer."),
                ("maxwritten_clean", "Scans the background writer stopped because it had written too much."),
                ("buffers_backend", "Buffers written by backends themselves; until PostgreSQL 16."),
                ("buffers_backend_fsync", "Syncs done by backends themselves; until PostgreSQL 16."),
                ("buffers_checkpoint", "Buffers written by checkpoints; until PostgreSQL 16."),
                ("checkpoints_req", "Checkpoints on request; until PostgreSQL 16."),
                ("checkpoints_timed", "Checkpoints on time; until PostgreSQL 16."),
                ("checkpoint_sync_time", "Milliseconds checkpoints spent in syncs; until PostgreSQL 16."),
                ("checkpoint_write_time", "Milliseconds checkpoints spent in writes; until PostgreSQL 16."),
            )
        ),
        epoch(counter("pg_stat_bgwriter_stats_reset_total", "When these counters were last reset."), "stats_reset"),
    ),
)

CHECKPOINTER = View(
    "pg_catalog.pg_stat_checkpointer",
    (),
    (
        *(
            plain(counter(f"pg_stat_checkpointer_{column}_total", help_text), column)
            for column, help_text in (
                ("num_timed", "Checkpoints on time."),
                ("num_requested", "Checkpoints on request."),
                ("num_done", "Checkpoints completed."),
                ("restartpoints_timed", "Restartpoints on time."),
                ("restartpoints_req", "Restartpoints on request."),
                ("restartpoints_done", "Restartpoints completed."),
                ("write_time", "Milliseconds spent in writes."),
                ("sync_time", "Milliseconds spent in syncs."),
                ("buffers_written", "Buffers written."),
                ("slru_written", "Buffers of transaction logs written."),
            )
        ),
        epoch(counter("pg_stat_checkpointer_stats_reset_total", "When these counters were last reset."), "stats_reset"),
    ),
)


def _io(name: str, help_text: str) -> MetricSpec:
    return counter(f"pg_stat_io_{name}_total", help_text, "backend_type", "object", "context")


IO = View(
    "pg_catalog.pg_stat_io",
    ("backend_type", "object", "context"),
    (
        plain(_io("reads", "Reads."), "reads"),
        whole(_io("read_bytes", "Bytes read."), "read_bytes"),
        computed(_io("read_bytes", "Bytes read."), "reads * op_bytes", "reads", "op_bytes"),
        seconds(_io("read_seconds", "Time in reads; 0 without track_io_timing."), "read_time"),
        plain(_io("writes", "Writes."), "writes"),
        whole(_io("write_bytes", "Bytes written."), "write_bytes"),
        computed(_io("write_bytes", "Bytes written."), "writes * op_bytes", "writes", "op_bytes"),
        seconds(_io("write_seconds", "Time in writes; 0 without track_io_timing."), "write_time"),
        plain(_io("extends", "Extensions of relations."), "extends"),
        whole(_io("extend_bytes", "Bytes relations were extended by."), "extend_bytes"),
        computed(_io("extend_bytes", "Bytes relations were extended by."), "extends * op_bytes", "extends", "op_bytes"),
        plain(_io("hits", "Blocks found in the cache."), "hits"),
        plain(_io("evictions", "Blocks put out of the cache."), "evictions"),
        plain(_io("reuses", "Buffers of rings used again."), "reuses"),
        plain(_io("writebacks", "Writebacks asked of the kernel."), "writebacks"),
        plain(_io("fsyncs", "Syncs."), "fsyncs"),
        seconds(_io("fsync_seconds", "Time in syncs; 0 without track_io_timing."), "fsync_time"),
    ),
    # Most combinations never occur: PostgreSQL 18 has 750 series for those that could.
    tail="where greatest(reads, writes, extends, hits, fsyncs) > 0",
)


class IoSettings(Schedule):
    """Background writer, checkpoints, and input and output by kind of backend."""


def _build(_: IoSettings, timeout_seconds: float, clients: Clients) -> PartsCollector | None:
    server = access(clients, STATS, timeout_seconds)
    if server is None:
        return None
    parts = {"bgwriter": BGWRITER, "checkpointer": CHECKPOINTER, "io": IO}
    return PartsCollector(server.session, *(Part(name, view.read) for name, view in parts.items()))


TYPE = CollectorType(
    name="postgres_io",
    help="background writer, checkpoints, input and output",
    section=CollectorSection(("postgres", "io"), IoSettings),
    metrics=(*BGWRITER.metrics, *CHECKPOINTER.metrics, *IO.metrics),
    build=_build,
)
