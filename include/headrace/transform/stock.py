"""One setting, HEADRACE_DBT_RUNNER=cosmos, that leaves the running of dbt to Cosmos as it comes.

Nothing is then imported ahead, a task draws the whole DAG, and dbt reads the project by Cosmos's own
partial parse. Tasks, results and artifacts are the same; only the time they take is not.
"""

from __future__ import annotations

import os

from include.headrace.transform.runner import SETTING

COSMOS = "cosmos"


def is_stock() -> bool:
    """True when the setting says so."""
    return os.environ.get(SETTING) == COSMOS
