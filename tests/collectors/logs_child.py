"""A process that does nothing but follow a log: `python logs_child.py LOG STATE_DIR`; prints its lines_total."""

from __future__ import annotations

import asyncio
import sys

from harness.log_tail import LogTail, tail


async def follow(log: str, state: str) -> None:
    follower = LogTail(log, state, max_line_bytes=4096)
    while True:
        found = await follower.collect()
        sys.stdout.write(f"{tail(found, 'lines_total'):.0f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1], sys.argv[2]))
