-- How many jobs wait in each queue, and for how long does the oldest?
-- Needs select on ticketing.queues and ticketing.jobs.

select
    queues.name as queue,
    count(jobs.id) as queue_size,
    coalesce(extract(epoch from now() - min(jobs.created_at)), 0) as queue_oldest_age_seconds
from ticketing.queues
left join ticketing.jobs on jobs.queue = queues.name and jobs.finished_at is null
group by queues.name
order by queues.name
limit 1001
