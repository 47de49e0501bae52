-- What became of the insights of the last day. Needs select on poker.insights.
select
    state,
    count(*) as insights
from poker.insights
where created_at > now() - interval '1 day'
group by state
limit 10
