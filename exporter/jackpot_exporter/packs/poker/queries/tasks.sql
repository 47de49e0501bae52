-- When each background task last succeeded. Needs select on poker.tasks.
select
    task,
    coalesce(last_success_at, to_timestamp(0)) as task_last_success_timestamp_seconds,
    every as task_interval_seconds
from poker.tasks
limit 101
