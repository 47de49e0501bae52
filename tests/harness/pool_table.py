"""The table of pools as the guide has it, without the constraints that the service adds."""

from __future__ import annotations

TABLE = """
create table jackpots (
    "group" text,
    current_amount bigint,
    total_contributions bigint,
    total_wins bigint,
    last_won_amount bigint,
    last_won_at timestamptz,
    version bigint,
    created_at timestamptz,
    updated_at timestamptz
)
"""
