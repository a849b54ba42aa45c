"""Every test runs as on a new machine: without the settings of whoever runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from include.headrace.settings import PROJECT_ROOT

FOREIGN = ("AIRFLOW", "DBT_", "HEADRACE_", "SNOWFLAKE_")

# Airflow reads its settings when it is imported, which test modules do before any fixture runs.
for name in [name for name in os.environ if name.startswith(FOREIGN)]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": str(PROJECT_ROOT / ".local" / "tests" / "airflow"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "SNOWFLAKE_DISABLE_MINICORE": "1",
}

TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep each suite in one worker, since its servers serve the whole suite, and begin with the longest."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.relative_to(TESTS).parts[0]))
    items.sort(key=lambda item: item.path.relative_to(TESTS).parts[0] != "e2e")
