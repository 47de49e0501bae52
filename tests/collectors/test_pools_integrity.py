"""The short way through the ledger finds what the long one finds."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from jackpot_exporter.collectors._pools.integrity import PoolRow, _first_seen, _follow, _goes_on, _is_negative

_FEW = st.none() | st.integers(-2, 3) | st.sampled_from([0.5, float("nan")])
_ROWS = st.builds(PoolRow, _FEW, _FEW, _FEW, _FEW, _FEW)


@given(_ROWS, _ROWS)
@example(PoolRow(5, 1, 0, 1, 1.0), PoolRow(7, 3, 0, 2, 2.0))
def test_who_goes_on_is_not_odd(before: PoolRow, row: PoolRow) -> None:
    if _goes_on(before, row):
        assert not _is_negative(row)
        assert _follow(_first_seen(before), row) == _first_seen(row)


def test_most_go_on_and_whoever_is_odd_does_not() -> None:
    before = PoolRow(100, 10, 2, 7, 1.0)

    assert _goes_on(before, PoolRow(105, 15, 2, 8, 2.0))
    for odd in (
        PoolRow(-1, -91, 2, 8, 2.0),
        PoolRow(106, 15, 2, 8, 2.0),
        PoolRow(105, 15, 3, 8, 2.0),
        PoolRow(105, 15, 2, 6, 2.0),
        PoolRow(105, 15, 2, 8, 1.0),
        PoolRow(105, 15, 2, 8, None),
    ):
        assert not _goes_on(before, odd)
