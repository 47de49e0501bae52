"""What can be set about the pools: the table, its columns, further labels, limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from ...config import Schedule, Seconds, Section
from ...model import gauge

_RESERVED_LABELS = {"pool", "status", "le", "quantile", "job", "instance", "service"}


def _check_labels(value: dict[str, str]) -> dict[str, str]:
    if taken := _RESERVED_LABELS & value.keys():
        raise ValueError(f"the label {min(taken)!r} is already in use; choose another name")
    gauge("x", "", *value)  # raises ValueError for what is no label name
    return value


class PoolColumns(Section):
    """The table's own names for what is read; null where the table has no such column."""

    pool: str = Field("group", description="the pool's name")
    amount: str = Field("current_amount", description="what the pool holds, in cents")
    contributions: str | None = Field("total_contributions", description="paid in since the pool exists, in cents")
    wins: str | None = Field("total_wins", description="wins since the pool exists: a count, or see wins_are_cents")
    last_won_amount: str | None = Field("last_won_amount", description="the last win, in cents")
    last_won_at: str | None = Field("last_won_at", description="time of the last win")
    version: str | None = Field("version", description="raised by every update")
    created_at: str | None = Field("created_at", description="time the pool was made")
    updated_at: str | None = Field("updated_at", description="time of the last update")


class PoolsSettings(Schedule):
    """The table of jackpot pools."""

    table: str = Field("public.jackpots", description="table or view, with its schema")
    columns: PoolColumns = PoolColumns()
    labels: Annotated[dict[str, str], AfterValidator(_check_labels)] = Field(
        {}, description="further labels, each with the column that holds it"
    )
    max_series: int = Field(20_000, ge=100, description="limit of series; pools over it are added up as other")
    wins_are_cents: bool = Field(False, description="true when the wins column holds cents, not a count")
    inactive_after: Seconds = Field(86_400.0, description="a pool not updated for so long is inactive")
