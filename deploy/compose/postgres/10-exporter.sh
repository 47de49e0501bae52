#!/bin/sh
# The exporter's role, which may read the statistics and the pools. Runs once, when the database is made.
set -eu

in_database() { psql -v ON_ERROR_STOP=1 --quiet --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" "$@"; }

in_database -v password="$(cat /run/secrets/exporter_password)" -f /deploy/sql/exporter-role.sql
in_database -f /deploy/sql/exporter-statements.sql
# The service makes its tables when it starts, which is later.
in_database -c 'grant usage on schema public to jackpot_exporter' \
  -c 'alter default privileges in schema public grant select on tables to jackpot_exporter'
