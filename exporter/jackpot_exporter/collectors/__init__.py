"""One file for each source. A module is found by being here: nothing else lists the collectors."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from ._base import CollectorType


@cache
def discover() -> tuple[CollectorType, ...]:
    """Every collector type, by rank and name."""
    types = []
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            found = importlib.import_module(f"{__name__}.{module.name}")
            types.append(found.TYPE)
    return tuple(sorted(types, key=lambda t: (t.rank, t.name)))
