"""`./run sbom [LOCK]`: the bill of materials of a lock, by default that of the exporter, on standard output."""

from __future__ import annotations

import sys
from pathlib import Path

from .bill import bill_of_materials

_LOCK = Path(__file__).parents[1] / "requirements.lock"

try:
    sys.stdout.write(bill_of_materials(Path(sys.argv[1] if len(sys.argv) > 1 else _LOCK).read_text()))
except (OSError, ValueError) as error:
    sys.exit(f"sbom: {error}")
