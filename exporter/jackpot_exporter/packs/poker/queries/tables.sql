-- Tables by state, those that are over left out. Needs select on poker.game_tables.
select
    state,
    count(*) as tables
from poker.game_tables
where state <> 'completed'
group by state
limit 10
