-- Money that is on its way. Needs select on poker.transactions.
select
    kind,
    count(*) as transactions_pending,
    now() - min(created_at) as transaction_oldest_pending_seconds
from poker.transactions
where state = 'pending'
group by kind
limit 10
