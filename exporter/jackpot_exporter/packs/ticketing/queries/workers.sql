-- When did each background worker last succeed, how long did it take, and how often should it?
-- Needs select on ticketing.workers.

select
    name as worker,
    last_success_at as worker_last_success_timestamp_seconds,
    interval_seconds as worker_interval_seconds,
    last_seconds as worker_last_duration_seconds,
    failures as worker_failures_total
from ticketing.workers
order by name
limit 1001
