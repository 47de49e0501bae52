-- What the collector `postgres_statements` needs besides: the extension, in the database the exporter connects to.
-- Run as a superuser. The server must have pg_stat_statements in shared_preload_libraries, which takes a restart.

create extension if not exists pg_stat_statements;
