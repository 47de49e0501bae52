-- The role that the exporter connects as: it may read every statistic and no data.
-- Run once for each server, as a superuser, in any database:
--
--     psql -v password=... -f exporter-role.sql
--
-- The exporter keeps three connections for a target; as many again are for `check --connect` beside it.

create role jackpot_exporter
    login
    connection limit 6
    password :'password';

-- The exporter opens read-only transactions by itself; this is for whoever else gets hold of the login.
alter role jackpot_exporter set default_transaction_read_only = on;

grant pg_monitor to jackpot_exporter;
