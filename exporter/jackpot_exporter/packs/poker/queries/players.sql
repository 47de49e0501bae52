-- Who plays now, and for how many there is room. Needs select on poker.sessions and poker.platform.
select
    (
        select count(distinct player_id)
        from poker.sessions
        where ended_at is null and last_seen_at > now() - interval '5 minutes'
    ) as active_players,
    (select players_capacity from poker.platform) as players_capacity
