-- How much was earned, by type?
-- Needs select on ticketing.revenue. Counts since midnight UTC: see settings.yaml.

select
    type,
    sum(amount_cents) as revenue_cents_total
from ticketing.revenue
where booked_at >= date_trunc('day', now(), 'UTC')
group by type
