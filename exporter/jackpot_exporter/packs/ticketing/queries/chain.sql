-- How many tickets were minted and handed over on the chain, and how long did its transactions take?
-- Needs select on ticketing.chain_transactions. Counts since midnight UTC: see settings.yaml.

select
    count(*) filter (where kind = 'mint' and status = 'confirmed') as nft_minted_total,
    count(*) filter (where kind = 'transfer' and status = 'confirmed') as nft_transferred_total,
    array[
        count(*) filter (where seconds <= 0.5),
        count(*) filter (where seconds <= 1),
        count(*) filter (where seconds <= 2.5),
        count(*) filter (where seconds <= 5),
        count(*) filter (where seconds <= 15),
        count(*) filter (where seconds <= 60)
    ] as solana_transaction_time_seconds_bucket,
    coalesce(sum(seconds), 0) as solana_transaction_time_seconds_sum,
    count(*) as solana_transaction_time_seconds_count
from (
    select
        kind,
        status,
        extract(epoch from finished_at - submitted_at) as seconds
    from ticketing.chain_transactions
    where finished_at >= date_trunc('day', now(), 'UTC')
) as finished
