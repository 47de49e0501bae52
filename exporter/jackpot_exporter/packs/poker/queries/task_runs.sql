-- How the runs of background tasks ended. Needs select on poker.tasks.
select
    tasks.task,
    run.outcome,
    run.runs as task_runs_total
from poker.tasks
cross join lateral (values ('success', succeeded), ('error', failed)) as run (outcome, runs)
limit 201
