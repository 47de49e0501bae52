-- What the checks of the data have found. Needs select on poker.integrity_checks.
select
    "check",
    failures as integrity_check_failures_total,
    last_run_at as integrity_check_last_run_timestamp_seconds
from poker.integrity_checks
limit 51
