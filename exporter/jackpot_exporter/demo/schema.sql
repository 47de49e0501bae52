-- The database of the simulated jackpot service. Idempotent. Amounts are cents.
-- `jackpots` has the columns of the real service and no other; what the conservation of money needs
-- besides stands in tables of its own. Needs: create on the schema.

create table if not exists jackpots (
    "group" text primary key,
    current_amount bigint not null,
    total_contributions bigint not null default 0,
    total_wins bigint not null default 0,
    last_won_amount bigint,
    last_won_at timestamptz,
    version bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint jackpots_group_known check ("group" in ('minor', 'major', 'mega')),
    constraint jackpots_current_amount_not_negative check (current_amount >= 0),
    constraint jackpots_totals_not_negative check (total_contributions >= 0 and total_wins >= 0 and version >= 0),
    constraint jackpots_last_win_complete check (
        (last_won_amount is null) = (last_won_at is null)
        and (total_wins = 0) = (last_won_at is null)
    )
);

-- A contribution gives `share_basis_points` of the wager; a win resets the pool to `seed_amount`.
create table if not exists jackpot_settings (
    "group" text primary key references jackpots,
    initial_amount bigint not null check (initial_amount >= 0),
    seed_amount bigint not null check (seed_amount >= 0),
    share_basis_points integer not null check (share_basis_points between 0 and 10000),
    updated_at timestamptz not null default now()
);

-- `number` is the pool's total_wins after the win, `contributions_before` its total_contributions then:
-- the last row of a pool is enough to say what the pool must hold now.
create table if not exists jackpot_wins (
    "group" text not null references jackpots,
    number bigint not null check (number > 0),
    paid_amount bigint not null check (paid_amount > 0),
    reset_amount bigint not null check (reset_amount >= 0),
    contributions_before bigint not null check (contributions_before >= 0),
    game_id text not null,
    user_id text not null,
    correlation_id text not null,
    won_at timestamptz not null default now(),
    primary key ("group", number)
);

-- What the fault pool-negative took out of a pool, so that it can be put back after a crash too.
create table if not exists jackpot_injections (
    "group" text primary key references jackpots,
    amount bigint not null
);

-- Conservation: amount = reset value + contributions since the last win. Sound when current_amount =
-- expected_amount and total_wins = recorded_wins for every pool.
create or replace view jackpot_balance as
select
    pool."group",
    pool.current_amount,
    coalesce(win.reset_amount, setting.initial_amount)
        + pool.total_contributions - coalesce(win.contributions_before, 0) as expected_amount,
    pool.total_wins,
    coalesce(win.number, 0) as recorded_wins
from jackpots as pool
join jackpot_settings as setting using ("group")
left join lateral (
    select
        paid.number,
        paid.reset_amount,
        paid.contributions_before
    from jackpot_wins as paid
    where paid."group" = pool."group"
    order by paid.number desc
    limit 1
) as win on true;

insert into jackpots ("group", current_amount)
values
    ('minor', 50000),
    ('major', 500000),
    ('mega', 5000000)
on conflict do nothing;

insert into jackpot_settings ("group", initial_amount, seed_amount, share_basis_points)
values
    ('minor', 50000, 50000, 200),
    ('major', 500000, 500000, 100),
    ('mega', 5000000, 5000000, 100)
on conflict do nothing;
