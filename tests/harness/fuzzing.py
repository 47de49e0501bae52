"""How many inputs a fuzz test tries: the same few each time, or, for a long run, many new ones.

`FUZZ_TIMES=50` (see `./run fuzz`) tries fifty times as many, none of them twice the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from hypothesis import HealthCheck, settings

from jackpot_exporter.errors import InvalidInputError

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
_EVERY = settings(
    deadline=None,
    print_blob=True,
    suppress_health_check=(HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large),
)


def inputs(number: int) -> settings:
    """So many of them; without chance unless the run is a long one, so that no change is blamed for another's fault."""
    if TIMES > 1:
        return settings(_EVERY, max_examples=number * TIMES)
    return settings(_EVERY, max_examples=number, derandomize=True, database=None)


def refusal(reading: Callable[[], object]) -> InvalidInputError | None:
    """Why an input is not taken; None when it is. Any other error passes."""
    try:
        reading()
    except InvalidInputError as error:
        return error
    return None


def is_told(error: InvalidInputError | None) -> bool:
    """Whether an input is taken, or refused with words."""
    return error is None or (bool(error.problems) and bool(str(error).strip()))
