-- What the pack `backoffice` reads. Idempotent. Amounts are cents, times are timestamptz.
-- A back office whose tables differ replaces the SQL of the queries in its settings, not this file. Of each table only
-- the columns below are read; customers, accounts and names never become labels.

-- Winnings and debts to be collected from customers.
create table if not exists settlements (
    id bigint generated always as identity primary key,
    priority text not null check (priority in ('high', 'medium', 'low')),
    status text not null default 'pending' check (status in ('pending', 'processing', 'completed', 'failed')),
    amount_cents bigint not null,
    created_at timestamptz not null default now(),
    due_at timestamptz not null default now() + interval '24 hours',
    completed_at timestamptz
);
create index if not exists settlements_open on settlements (status, priority, created_at) where status <> 'completed';
create index if not exists settlements_completed on settlements (completed_at) where completed_at is not null;

-- Money that moves: in for collections, out for distributions.
create table if not exists payments (
    id bigint generated always as identity primary key,
    domain text not null check (domain in ('collections', 'distributions')),
    method text not null check (method in ('wire_transfer', 'paypal', 'bank_transfer')),
    status text not null default 'pending' check (status in ('pending', 'completed', 'failed')),
    amount_cents bigint not null,
    created_at timestamptz not null default now(),
    processed_at timestamptz
);
create index if not exists payments_pending on payments (domain, method) where status = 'pending';
create index if not exists payments_failed on payments (domain) where status = 'failed';

-- Revenue as the ledger has it and as the distributions account for it, one row a day.
create table if not exists revenue_days (
    day date primary key,
    booked_cents bigint not null default 0,
    accounted_cents bigint not null default 0,
    distributed_cents bigint not null default 0
);

create table if not exists campaigns (
    name text primary key,
    is_active boolean not null default true,
    budget_cents bigint not null,
    spent_cents bigint not null default 0,
    participants bigint not null default 0
);

create table if not exists bonuses (
    id bigint generated always as identity primary key,
    campaign text references campaigns (name),
    type text not null check (type in ('welcome_bonus', 'deposit_match', 'free_bet')),
    status text not null default 'active' check (status in ('active', 'redeemed', 'expired', 'failed')),
    amount_cents bigint not null,
    is_suspicious boolean not null default false,
    issued_at timestamptz not null default now(),
    ended_at timestamptz
);
create index if not exists bonuses_by_type on bonuses (type, status);

-- `ledger_cents` is the sum of the account's transactions as the ledger has it; `balance_cents` must equal it.
create table if not exists balances (
    customer_id bigint primary key,
    account_status text not null default 'active' check (account_status in ('active', 'inactive', 'locked')),
    balance_cents bigint not null default 0,
    ledger_cents bigint not null default 0,
    last_updated timestamptz not null default now()
);

create table if not exists transactions (
    id bigint generated always as identity primary key,
    customer_id bigint not null,
    kind text not null check (kind in ('deposit', 'withdrawal', 'bet', 'payout')),
    status text not null default 'completed' check (status in ('pending', 'completed', 'failed')),
    amount_cents bigint not null,
    fraud_score real not null default 0 check (fraud_score between 0 and 1),
    is_anomaly boolean not null default false,
    created_at timestamptz not null default now(),
    completed_at timestamptz
);
create index if not exists transactions_by_time on transactions (created_at);

create table if not exists security_incidents (
    id bigint generated always as identity primary key,
    opened_at timestamptz not null default now(),
    closed_at timestamptz
);

create table if not exists adjustments (
    id bigint generated always as identity primary key,
    type text not null check (
        type in ('balance_adjustment', 'bet_correction', 'bonus_adjustment', 'fee_reversal', 'limit_adjustment')
    ),
    priority text not null default 'medium' check (priority in ('high', 'medium', 'low')),
    status text not null default 'pending' check (status in ('pending', 'approved', 'rejected')),
    amount_cents bigint not null,
    requires_approval boolean not null default true,
    approver_role text not null default 'supervisor' check (approver_role in ('auto', 'supervisor', 'manager', 'executive')),
    is_disputed boolean not null default false,
    is_accurate boolean not null default true,
    created_at timestamptz not null default now(),
    decided_at timestamptz
);
create index if not exists adjustments_pending on adjustments (approver_role, created_at) where status = 'pending';

-- What customers say when asked, from 0 to 1.
create table if not exists satisfaction (
    id bigint generated always as identity primary key,
    domain text not null check (domain in ('collections', 'distributions', 'free_play', 'balance', 'adjustment')),
    score real not null check (score between 0 and 1),
    given_at timestamptz not null default now()
);
create index if not exists satisfaction_by_time on satisfaction (domain, given_at);
