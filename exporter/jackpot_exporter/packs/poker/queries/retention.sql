-- How old the oldest data is, and how old it may be. Needs select on the tables named here.
select
    retention.kept,
    now() - oldest.at as retention_oldest_seconds,
    retention.keep as retention_limit_seconds
from poker.retention
left join (
    select 'hands' as kept, min(ended_at) as at from poker.hands
    union all
    select 'insights', min(created_at) from poker.insights
    union all
    select 'sessions', min(started_at) from poker.sessions
) as oldest using (kept)
limit 10
