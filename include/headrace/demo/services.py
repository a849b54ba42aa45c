"""The demo's sources and the local Snowflake for an Airflow that something else runs, such as the Astro CLI.

``python -m include.headrace.demo.services`` serves until Ctrl-C. Airflow finds the connections in a file,
by its LocalFilesystemBackend: addresses and passwords are made here and stand in no file of the project.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from include.headrace import settings
from include.headrace.demo.environment import (
    PARALLELISM,
    base_environment,
    forget_foreign_settings,
    snowflake_connection,
)
from include.headrace.demo.platform import LocalSnowflake, run_file, signals_held, stopped_by_signals
from include.headrace.demo.private_file import owner_only
from include.headrace.demo.processes import Processes, run_lock
from include.headrace.demo.source_servers import SourceServers
from include.headrace.errors import HeadraceError

BACKEND = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
SERVICES_DIR = settings.LOCAL_DIR / "services"
CONNECTIONS = SERVICES_DIR / "connections.json"
ENV_FILE = SERVICES_DIR / "env"

Say = Callable[[str], None]


def environment() -> dict[str, str]:
    """What an Airflow on this machine needs in its environment, or in ``.env``, to use these services."""
    return {
        "HEADRACE_ENV": "local",
        "HEADRACE_FILES": str(settings.LOCAL_DIR / "sources"),
        "HEADRACE_EXPORTS": str(settings.LOCAL_DIR / "exports"),
        "AIRFLOW__SECRETS__BACKEND": BACKEND,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(CONNECTIONS)}),
        # A changed dbt project is parsed anew while its DAG file is read.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "180",
        # Airflow's own default is for a cluster: one machine gets so busy that tasks lose their heartbeat.
        "AIRFLOW__CORE__PARALLELISM": str(PARALLELISM),
    }


def write_connections(connections: Mapping[str, str], owner: int | None) -> None:
    """Write the connections, JSON by id, for their owner alone: who runs this, or the user id given.

    Only root may give a file to another user; raises HeadraceError for anybody else.
    """
    content = {name: json.loads(value) for name, value in connections.items()}
    new = CONNECTIONS.with_suffix(".new")
    owner_only(new, json.dumps(content, indent=1))
    if owner is not None:
        try:
            os.chown(new, owner, -1)
        except PermissionError:
            raise HeadraceError(f"Only root may give a file to user {owner}; leave --owner out.") from None
    new.replace(CONNECTIONS)


def serve(say: Say, owner: int | None = None) -> int:
    """Start and fill everything, write the connections, and serve until Ctrl-C or SIGTERM. Returns 0.

    The file of connections is there only while all of it answers. Raises BusyError when another local
    run holds this checkout, StartError or ServerError when a part does not start.
    """
    with stopped_by_signals(), run_lock(settings.LOCAL_DIR / "run.lock"):
        run_file().stop_leftovers()
        CONNECTIONS.unlink(missing_ok=True)
        processes = Processes(run_file(), settings.LOCAL_DIR / "logs")
        sources = SourceServers(settings.LOCAL_DIR)
        snowflake = LocalSnowflake(processes, base_environment(os.environ))
        try:
            say("starting the sources and the local Snowflake (emulated)")
            snowflake.start()
            sources.start()
            snowflake.wait()
            login = snowflake_connection(snowflake.port, snowflake.password)
            write_connections({**sources.connections(), "snowflake_default": login}, owner)
            owner_only(ENV_FILE, "".join(f"{name}={value}\n" for name, value in environment().items()))
            say(f"serving until Ctrl-C; what Airflow needs in its environment: {ENV_FILE}")
            while True:
                processes.check()
                time.sleep(1)
        except KeyboardInterrupt:
            say("stopped")
        finally:
            with signals_held():
                CONNECTIONS.unlink(missing_ok=True)
                processes.stop()
                sources.stop()
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    program = argparse.ArgumentParser(
        prog="python -m include.headrace.demo.services",
        description="The demo's sources and the local Snowflake for an Airflow run by something else.",
    )
    program.add_argument("--owner", type=int, help="user id that Airflow runs as, where it is not this one")
    return program


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options and serve; returns the exit code."""
    options = parser().parse_args(arguments)
    forget_foreign_settings()

    def say(message: str) -> None:
        print(message, file=sys.stderr, flush=True)

    try:
        return serve(say, options.owner)
    except HeadraceError as error:
        say(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
