-- How many tickets were sold, by market?
-- Needs select on ticketing.tickets. Counts since midnight UTC: see settings.yaml.

select
    market,
    count(*) as tickets_sold_total
from ticketing.tickets
where sold_at >= date_trunc('day', now(), 'UTC')
group by market
