-- What the queries of settings.yaml read, as far as they read it. A platform whose tables are others replaces the
-- queries, or makes views of these names. The exporter's role needs: grant usage on schema poker to ROLE, and
-- grant select on all tables in schema poker to ROLE. Times are points in time, amounts are cents.

create schema if not exists poker;

create table if not exists poker.players (
    player_id bigint generated always as identity primary key,
    registered_at timestamptz not null default now()
);
create index if not exists players_registered on poker.players (registered_at);

-- A session is open until it has ended; a player who plays is seen at every action.
create table if not exists poker.sessions (
    session_id bigint generated always as identity primary key,
    player_id bigint not null,
    client text not null check (client in ('api', 'bot', 'miniapp')),
    started_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    ended_at timestamptz
);
create index if not exists sessions_open on poker.sessions (last_seen_at) where ended_at is null;
create index if not exists sessions_started on poker.sessions (started_at);

create table if not exists poker.game_tables (
    table_id bigint generated always as identity primary key,
    state text not null check (state in ('waiting', 'running', 'paused', 'completed')),
    created_at timestamptz not null default now(),
    completed_at timestamptz
);
create index if not exists game_tables_open on poker.game_tables (state) where state <> 'completed';
create index if not exists game_tables_created on poker.game_tables (created_at);
create index if not exists game_tables_completed on poker.game_tables (completed_at) where completed_at is not null;

create table if not exists poker.hands (
    hand_id bigint generated always as identity primary key,
    table_id bigint not null,
    pot_cents bigint not null check (pot_cents >= 0),
    ended_at timestamptz not null default now()
);
create index if not exists hands_ended on poker.hands (ended_at);

-- Hours that are closed, counted once; what came after the last of them is counted where it lies. So a counter over
-- years costs the rows of an hour, and does not step back when old hands and sessions are removed.
create table if not exists poker.closed_hours (
    hour timestamptz primary key,
    hands bigint not null,
    registrations bigint not null,
    sessions bigint not null,
    tables_created bigint not null,
    tables_completed bigint not null
);

-- Money on its way to a table, or back. What has ended leaves the index.
create table if not exists poker.transactions (
    transaction_id bigint generated always as identity primary key,
    kind text not null check (kind in ('buy_in', 'cash_out', 'deposit', 'withdrawal')),
    state text not null check (state in ('pending', 'completed', 'failed')),
    amount_cents bigint not null,
    created_at timestamptz not null default now()
);
create index if not exists transactions_pending on poker.transactions (kind, created_at) where state = 'pending';

-- Work in the background: one row a task, changed by the task itself when it ends.
create table if not exists poker.tasks (
    task text primary key,
    every interval not null,
    last_success_at timestamptz,
    succeeded bigint not null default 0,
    failed bigint not null default 0
);

create table if not exists poker.insights (
    insight_id bigint generated always as identity primary key,
    state text not null check (state in ('queued', 'generated', 'failed')),
    created_at timestamptz not null default now()
);
create index if not exists insights_created on poker.insights (created_at);

-- How long each kind of data is kept; the task `retention` removes what is older.
create table if not exists poker.retention (
    kept text primary key check (kept in ('hands', 'insights', 'sessions')),
    keep interval not null
);

-- Checks of the data (chips in and out of a hand, balances against transactions), by the task `integrity`.
create table if not exists poker.integrity_checks (
    "check" text primary key,
    failures bigint not null default 0,
    last_run_at timestamptz
);

-- What the platform takes for an attack or a fraud. Counted, never deleted: a few rows a day.
create table if not exists poker.security_events (
    event_id bigint generated always as identity primary key,
    kind text not null check (kind in ('breach', 'chip_dumping', 'collusion', 'login_attack', 'rate_limit')),
    happened_at timestamptz not null default now()
);
create index if not exists security_events_kind on poker.security_events (kind);

-- One row: for how many players at once the platform was sized.
create table if not exists poker.platform (
    only_row boolean primary key default true check (only_row),
    players_capacity integer not null check (players_capacity > 0)
);
