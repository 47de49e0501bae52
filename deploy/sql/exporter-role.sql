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

grant pg_monitor to jackpot_exporter;
