-- How did the transactions on the chain end, by kind?
-- Needs select on ticketing.chain_transactions. Counts since midnight UTC: see settings.yaml.

select
    kind,
    case status when 'confirmed' then 'success' else 'error' end as outcome,
    count(*) as solana_transactions_total
from ticketing.chain_transactions
where finished_at >= date_trunc('day', now(), 'UTC')
group by kind, outcome
