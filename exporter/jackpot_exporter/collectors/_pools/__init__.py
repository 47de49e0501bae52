"""The parts of the pools collector."""
