-- What the collector `pools` needs besides: to read the table of pools.
-- Run in the service's database, as the owner of the table.

grant usage on schema public to jackpot_exporter;
grant select on public.jackpots to jackpot_exporter;
