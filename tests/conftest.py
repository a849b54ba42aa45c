"""Every test runs as on a new machine: without the settings of whoever runs it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from include.headrace.settings import PROJECT_ROOT

FOREIGN = ("AIRFLOW", "DBT_", "HEADRACE_", "SNOWFLAKE_", "MAKE", "MFLAGS")

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
    # Otherwise each sign-in asks which cloud this machine is in.
    "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",
}

TESTS = Path(__file__).parent

# Started in the background of a script, or by nohup, this process ignores a signal, and all that it starts
# would too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class BySuite(LoadScopeScheduling):
    """Hands a whole suite, a folder of tests, to one worker, since its servers serve the whole suite."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.split("/")[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> BySuite:
    return BySuite(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest suite, so that the other workers do the rest beside it."""
    items.sort(key=lambda item: item.path.relative_to(TESTS).parts[0] != "e2e")
