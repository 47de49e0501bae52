"""A service with four forked workers that instruments itself: `python instrumented_service.py RECORDS`.

The workers are forked after the metrics exist, as pre-forking servers do; one of them is killed when it is done, one
ends by itself. The parent then answers the scrape.
"""

from __future__ import annotations

import os
import signal
import sys

from jackpot_exporter.instrument import ServiceMetrics

WORKERS = 4


def work(records: int) -> None:
    for number in range(records):
        metrics = ServiceMetrics()  # for every request, as in the guide
        metrics.record_contribution(0.02, number % 10 != 0, error_type="database")
        metrics.record_win(0.2, False, error_type="pool_timeout", correlation_id="req-0123456789")
        metrics.record_pool_query(0.001)


def main(records: int) -> None:
    metrics = ServiceMetrics()
    workers = []
    for _ in range(WORKERS):
        worker = os.fork()
        if worker == 0:
            work(records)
            os.kill(os.getpid(), signal.SIGKILL)
        workers.append(worker)
    for worker in workers:
        os.waitpid(worker, 0)
    work(records)
    body, content_type = metrics.exposition("application/openmetrics-text; version=1.0.0")
    sys.stdout.write(f"{content_type}\n")
    sys.stdout.flush()
    sys.stdout.buffer.write(body)


if __name__ == "__main__":
    main(int(sys.argv[1]))
