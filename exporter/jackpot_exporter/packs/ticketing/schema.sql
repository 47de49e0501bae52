-- What the queries of this pack read: one row for each thing that happened, with the time at which it did.
--
-- A platform whose tables differ replaces the queries, or lays views of these names over its own tables. The exporter
-- needs `usage` on the schema and `select` on its tables.

create schema if not exists ticketing;

-- Tickets sold, by the platform itself (primary) or by their owners (resale).
create table if not exists ticketing.tickets (
    id bigint generated always as identity primary key,
    market text not null check (market in ('primary', 'resale')),
    price_cents bigint not null check (price_cents >= 0),
    sold_at timestamptz not null default now()
);
create index if not exists tickets_sold_at on ticketing.tickets (sold_at, market);

-- Tickets offered on the marketplace; closed when they are sold or withdrawn.
create table if not exists ticketing.listings (
    id bigint generated always as identity primary key,
    price_cents bigint not null check (price_cents >= 0),
    listed_at timestamptz not null default now(),
    closed_at timestamptz
);
create index if not exists listings_listed_at on ticketing.listings (listed_at);
create index if not exists listings_open on ticketing.listings (listed_at) where closed_at is null;

-- Money earned, by what it was earned with.
create table if not exists ticketing.revenue (
    id bigint generated always as identity primary key,
    type text not null check (type in ('ticket_sale', 'service_fee', 'resale_fee', 'royalty')),
    amount_cents bigint not null,
    booked_at timestamptz not null default now()
);
create index if not exists revenue_booked_at on ticketing.revenue (booked_at, type) include (amount_cents);

-- Refunds that were paid back.
create table if not exists ticketing.refunds (
    id bigint generated always as identity primary key,
    reason text not null check (reason in ('event_cancelled', 'event_changed', 'customer_request', 'duplicate', 'fraud')),
    amount_cents bigint not null check (amount_cents >= 0),
    processed_at timestamptz not null default now()
);
create index if not exists refunds_processed_at on ticketing.refunds (processed_at, reason) include (amount_cents);

-- Payments; finished_at is empty for as long as the gateway has not answered.
create table if not exists ticketing.payments (
    id bigint generated always as identity primary key,
    method text not null check (method in ('card', 'wallet', 'transfer')),
    status text not null check (status in ('pending', 'succeeded', 'failed')),
    failure text,
    amount_cents bigint not null check (amount_cents >= 0),
    created_at timestamptz not null default now(),
    finished_at timestamptz
);
create index if not exists payments_finished_at on ticketing.payments (finished_at, method, status) include (created_at);

-- Transactions on the Solana chain: tickets minted as NFTs, and handed to another owner.
create table if not exists ticketing.chain_transactions (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('mint', 'transfer')),
    status text not null check (status in ('pending', 'confirmed', 'failed')),
    submitted_at timestamptz not null default now(),
    finished_at timestamptz
);
create index if not exists chain_transactions_finished_at
    on ticketing.chain_transactions (finished_at, kind, status) include (submitted_at);

-- Background work that waits; a job leaves its queue when it is finished.
create table if not exists ticketing.queues (
    name text primary key
);
create table if not exists ticketing.jobs (
    id bigint generated always as identity primary key,
    queue text not null references ticketing.queues (name),
    created_at timestamptz not null default now(),
    finished_at timestamptz
);
create index if not exists jobs_waiting on ticketing.jobs (queue, created_at) where finished_at is null;

-- Workers that run at an interval, each with its last run.
create table if not exists ticketing.workers (
    name text primary key,
    interval_seconds integer not null check (interval_seconds > 0),
    last_success_at timestamptz,
    last_seconds double precision,
    failures bigint not null default 0
);
