-- How much has ever been played: the closed hours, and what came after them. Needs select on the tables named here.
with closed as (
    select
        coalesce(max(hour) + interval '1 hour', '-infinity') as until,
        coalesce(sum(hands), 0) as hands,
        coalesce(sum(registrations), 0) as registrations,
        coalesce(sum(sessions), 0) as sessions,
        coalesce(sum(tables_created), 0) as tables_created,
        coalesce(sum(tables_completed), 0) as tables_completed
    from poker.closed_hours
)
select
    closed.hands + (select count(*) from poker.hands where ended_at >= closed.until) as hands_total,
    closed.registrations
        + (select count(*) from poker.players where registered_at >= closed.until) as registrations_total,
    closed.sessions + (select count(*) from poker.sessions where started_at >= closed.until) as sessions_started_total,
    closed.tables_created
        + (select count(*) from poker.game_tables where created_at >= closed.until) as tables_created_total,
    closed.tables_completed
        + (select count(*) from poker.game_tables where completed_at >= closed.until) as tables_completed_total
from closed
