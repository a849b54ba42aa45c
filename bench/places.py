"""Where the bench keeps what it needs again: environments, data, servers. All below ``.local/bench``."""

from __future__ import annotations

from pathlib import Path

from include.headrace.settings import LOCAL_DIR, PROJECT_ROOT

HOME = LOCAL_DIR / "bench"
ENVIRONMENTS = HOME / "environments"
DATA = HOME / "data"
SERVERS = HOME / "servers"
WORK = HOME / "work"
"""Files that peers write; emptied after each run."""

REQUIREMENTS = Path(__file__).parent / "requirements"
PAGE = PROJECT_ROOT / "docs" / "benchmarks.md"
