-- How many refunds were paid, and how much, by reason?
-- Needs select on ticketing.refunds. Counts since midnight UTC: see settings.yaml.

select
    reason,
    count(*) as refunds_processed_total,
    sum(amount_cents) as refunds_cents_total
from ticketing.refunds
where processed_at >= date_trunc('day', now(), 'UTC')
group by reason
