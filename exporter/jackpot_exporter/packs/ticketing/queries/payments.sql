-- How many payments succeeded and failed, and how long did they take, by method?
-- Needs select on ticketing.payments. Counts since midnight UTC: see settings.yaml.

select
    method,
    count(*) filter (where status = 'succeeded') as payment_success_total,
    count(*) filter (where status = 'failed') as payment_failure_total,
    array[
        count(*) filter (where seconds <= 0.5),
        count(*) filter (where seconds <= 1),
        count(*) filter (where seconds <= 2.5),
        count(*) filter (where seconds <= 5),
        count(*) filter (where seconds <= 10),
        count(*) filter (where seconds <= 30)
    ] as payment_processing_duration_seconds_bucket,
    sum(seconds) as payment_processing_duration_seconds_sum,
    count(*) as payment_processing_duration_seconds_count
from (
    select
        method,
        status,
        extract(epoch from finished_at - created_at) as seconds
    from ticketing.payments
    where finished_at >= date_trunc('day', now(), 'UTC')
) as finished
group by method
