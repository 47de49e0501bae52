"""The bundle: packs (rules, cases and runbook text as data) compiled to files for Prometheus and its operators.

`load_packs` reads and judges the packs, `compile_bundle` turns them into artifacts, `generate` writes or
compares them. Nothing here runs when the exporter serves metrics, and nothing here reads a source.
"""

from .bundle import compile_bundle, generate
from .loader import load_packs
from .model import Artifact, Drift, Family, PackSet

__all__ = ["Artifact", "Drift", "Family", "PackSet", "compile_bundle", "generate", "load_packs"]
