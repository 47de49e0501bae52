"""One compiler a file: `PackSet` in, artifacts out; deterministic, and none knows another."""
