#!/bin/sh
# For each of the other systems a database and a role that may read it. They cost nothing while no profile is on.
set -eu

for system in poker ticketing backoffice; do
  psql -v ON_ERROR_STOP=1 --quiet --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    -v system="$system" -v role="${system}_exporter" -v password="$(cat /run/secrets/exporter_password)" <<'SQL'
create role :"role" login connection limit 12 password :'password';
alter role :"role" set default_transaction_read_only = on;
grant pg_monitor to :"role";
create database :"system";
\connect :"system"
create extension if not exists pg_stat_statements;
-- The service makes its schema when it starts, which is later.
alter default privileges grant usage on schemas to :"role";
alter default privileges grant select on tables to :"role";
SQL
done
