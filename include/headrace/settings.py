"""Where things are and what environment this is: the one module that reads HEADRACE_* variables."""

from __future__ import annotations

import os
import re
from pathlib import Path

from include.headrace.errors import ConfigError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
SOURCES_DIR = PROJECT_ROOT / "include" / "sources"
DBT_DIR = PROJECT_ROOT / (os.environ.get("HEADRACE_DBT_DIR") or "dbt")
"""The dbt project."""
LOCAL_DIR = PROJECT_ROOT / os.environ.get("HEADRACE_LOCAL_DIR", ".local")
"""State of local runs: Airflow's home, the local Snowflake's data, the sources of the demo. Another
folder (HEADRACE_LOCAL_DIR) keeps a second demo, such as the one of the tests, apart."""

ENVIRONMENTS = ("local", "dev", "ci", "prod")
SNOWFLAKE_CONN_ID = "snowflake_default"
LEDGER_SCHEMA = "HEADRACE"
SWEEP = "sweep"
"""The id of the DAG that removes what loads left behind."""
DBT_DOCS = "dbt_docs"
"""The id of the DAG that makes dbt's documentation."""


def environment() -> str:
    """The environment's name, from HEADRACE_ENV: ``local`` (default), ``dev``, ``ci`` or ``prod``.

    Raises ConfigError for any other value.
    """
    value = os.environ.get("HEADRACE_ENV", "local")
    if value not in ENVIRONMENTS:
        raise ConfigError(f"HEADRACE_ENV is {value!r}; set it to one of {', '.join(ENVIRONMENTS)}.")
    return value


def is_prod() -> bool:
    """True in production, where limit, sample and window of a source file do not apply."""
    return environment() == "prod"


def schedules_on() -> bool:
    """False when HEADRACE_SCHEDULES is ``off``: time schedules are then left out of every DAG.

    The demo turns them off, so that the only runs are the ones it starts and waits for.
    """
    value = os.environ.get("HEADRACE_SCHEDULES", "on")
    if value not in ("on", "off"):
        raise ConfigError(f"HEADRACE_SCHEDULES is {value!r}; set it to on or off.")
    return value == "on"


def exports_location() -> str:
    """The folder or URL below which the public marts are exported, from HEADRACE_EXPORTS."""
    return os.environ.get("HEADRACE_EXPORTS") or str(LOCAL_DIR / "exports")


def docs_location() -> str:
    """The folder or URL where dbt's documentation is kept, from HEADRACE_DOCS."""
    return os.environ.get("HEADRACE_DOCS") or str(LOCAL_DIR / "docs")


def _database(name: str) -> str:
    prefix = os.environ.get("HEADRACE_DATABASE_PREFIX", "")
    if prefix and not re.fullmatch(r"[A-Z][A-Z0-9_]*", prefix):
        raise ConfigError(
            f"HEADRACE_DATABASE_PREFIX is {prefix!r}; use capitals, digits and underscores, such as DEV_ANA_."
        )
    if prefix and is_prod():
        raise ConfigError("HEADRACE_DATABASE_PREFIX is set in prod; unset it, production has no copies.")
    return prefix + name


def raw_database() -> str:
    """Name of the database that holds one schema a source, and the ledger."""
    return _database("RAW")


def analytics_database() -> str:
    """Name of the database that dbt builds."""
    return _database("ANALYTICS")
