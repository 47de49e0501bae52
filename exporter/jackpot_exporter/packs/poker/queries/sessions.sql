-- Open sessions by what the player uses. Needs select on poker.sessions.
select
    client,
    count(*) as sessions
from poker.sessions
where ended_at is null
group by client
limit 10
