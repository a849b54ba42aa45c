"""The one program: ``python -m include.headrace <command>``. Each command imports what it needs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from include.headrace import settings
from include.headrace.demo.workers import EXECUTORS, LOCAL
from include.headrace.errors import ConfigError, HeadraceError

if TYPE_CHECKING:
    from include.headrace.session import Session

Command = Callable[[argparse.Namespace], int]


def say(message: str) -> None:
    """Tell the person at the terminal; stdout is for results."""
    print(message, file=sys.stderr, flush=True)


def _demo(arguments: argparse.Namespace) -> int:
    from include.headrace.demo.job import run_demo

    return run_demo(arguments.executor, say)


def _up(arguments: argparse.Namespace) -> int:
    from include.headrace.demo.job import stay_up

    return stay_up(arguments.executor, say)


def _down(arguments: argparse.Namespace) -> int:
    from include.headrace.demo.platform import stop_everything

    stopped = stop_everything()
    say(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


def _sql(arguments: argparse.Namespace) -> int:
    from include.headrace.demo.query import run_query

    query = os.environ.get(arguments.from_environment, "") if arguments.from_environment else arguments.query
    if not (query or "").strip():
        raise ConfigError('There is no query; write make sql q="select ...".')
    run_query(query, arguments.format, sys.stdout)
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from include.headrace.demo.trigger import run_dag

    run_dag(arguments.dag_id, arguments.select, say, sys.stdout)
    return 0


def _parse(arguments: argparse.Namespace) -> int:
    from include.headrace.transform.manifest import bake, is_stale

    if not arguments.if_stale or is_stale():
        say(f"wrote {bake(strict=arguments.strict)}")
    return 0


def _local_snowflake(arguments: argparse.Namespace) -> int:
    from include.headrace.local_snowflake.server import serve

    serve(arguments.host, arguments.port, arguments.data)
    return 0


def _pools(arguments: argparse.Namespace) -> int:
    from include.headrace.airflow_api import AirflowApi
    from include.headrace.pools import pool_slots

    token = os.environ.get("AIRFLOW_API_TOKEN")
    if not token:
        raise ConfigError("AIRFLOW_API_TOKEN is not set; give it a token of an Airflow user or deployment.")
    slots = pool_slots()
    AirflowApi(arguments.url, token).set_pools(slots, "Headrace")
    say("\n".join(f"{name}: {count} slots" for name, count in slots.items()))
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    from include.headrace.config.json_schema import SCHEMA_FILE, schema_text

    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    say(f"wrote {SCHEMA_FILE}")
    return 0


@contextmanager
def _warehouse_sessions() -> Iterator[Callable[[], Session]]:
    """Sessions of the local Snowflake, or, where HEADRACE_ENV is not local, of ``snowflake_default``."""
    if settings.environment() == "local":
        from include.headrace.demo.environment import forget_foreign_settings
        from include.headrace.demo.query import local_sessions

        forget_foreign_settings()
        with local_sessions() as open_session:
            yield open_session
    else:
        from include.headrace.session import query_tag, sessions

        yield sessions(settings.SNOWFLAKE_CONN_ID, query_tag(command="sweep"))


def _sweep(arguments: argparse.Namespace) -> int:
    from include.headrace.config.durations import parse_duration
    from include.headrace.sweep import Sweep
    from include.headrace.workspace import abandoned, remove_abandoned

    try:
        older_than = parse_duration(arguments.older_than)
    except ValueError as error:
        raise ConfigError(f"--older-than {error}.") from None
    with _warehouse_sessions() as open_session:
        sweep = Sweep(open_session, settings.raw_database(), older_than)
        found = sweep.orphans() if arguments.dry_run else sweep.run()
    folders = abandoned() if arguments.dry_run else remove_abandoned()
    for line in [*(orphan.text for orphan in found), *(f"working folder {folder}" for folder in folders)]:
        print(line)
    verb = "would remove" if arguments.dry_run else "removed"
    say(f"{verb} {len(found) + len(folders)} leftovers of loads")
    return 0


def _docs(arguments: argparse.Namespace) -> int:
    from include.headrace.demo.account import dbt_login
    from include.headrace.demo.query import local_login
    from include.headrace.transform.docs_site import keep_docs, make_docs

    with local_login() as login:
        page = make_docs(dbt_login(login))
    say(f"wrote {keep_docs(page, settings.docs_location())}")
    return 0


def _seed(arguments: argparse.Namespace) -> int:
    from include.headrace.demo.platform import seed_sources

    say("filled the sources" if seed_sources() else "the sources were already filled")
    return 0


LOCAL_COMMANDS = (_demo, _up, _down, _run, _sql, _docs, _seed)
"""Commands of this machine's own platform, which settings of another environment must not reach."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m include.headrace", description="Headrace, from a terminal.")
    commands = top.add_subparsers(required=True, metavar="command")

    def add(name: str, run: Command, help_text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_text, description=help_text)
        command.set_defaults(run=run)
        return command

    demo = add("demo", _demo, "run everything on one machine to its end, and print a summary")
    up = add("up", _up, "run everything on one machine until Ctrl-C")
    for command in (demo, up):
        command.add_argument(
            "--executor",
            choices=EXECUTORS,
            default=LOCAL,
            help="what runs the tasks: processes forked from the scheduler (local), or two workers of Celery",
        )
    add("down", _down, "stop what a demo or up of this checkout runs or left behind")
    sql = add("sql", _sql, "ask the local Snowflake (emulated), started for it when it is not running")
    sql.add_argument("query", nargs="?", help="one or more statements; the result of the last is printed")
    sql.add_argument("--from-environment", metavar="NAME", help="take the query from this variable instead")
    sql.add_argument("--format", choices=("table", "csv"), default="table")
    run = add("run", _run, "run a DAG in the Airflow of `up`, wait for its end, and say what it did")
    run.add_argument("dag_id", help="ingest__<source> or transform")
    run.add_argument(
        "--select",
        default="",
        help="of transform, only these: names of models, source:<name>, with + for more",
    )
    parse = add("parse", _parse, "parse the dbt project into the manifest that the DAG is drawn from")
    parse.add_argument("--if-stale", action="store_true", help="only when the project has changed")
    parse.add_argument("--strict", action="store_true", help="a warning of dbt is an error")
    server = add("local-snowflake", _local_snowflake, "serve the local Snowflake (emulated)")
    server.add_argument("--host", default="127.0.0.1")
    server.add_argument("--port", type=int, required=True)
    server.add_argument("--data", type=Path, required=True, help="folder of its data")
    pools = add(
        "pools",
        _pools,
        "make the pools of all sources and of dbt in any Airflow; "
        "an access token is read from AIRFLOW_API_TOKEN",
    )
    pools.add_argument("--url", required=True, help="address of the Airflow UI or deployment")
    sweep = add(
        "sweep",
        _sweep,
        "remove what failed and killed loads left in stages, in the ledger's schema and on this disk: in the "
        "local Snowflake, or, where HEADRACE_ENV is not local, through the connection snowflake_default",
    )
    sweep.add_argument(
        "--older-than",
        default="7d",
        metavar="DURATION",
        help="age from which files of a load that never committed go, such as 12h (default: 7d); those of a "
        "committed load go after an hour",
    )
    sweep.add_argument("--dry-run", action="store_true", help="print what would go, and change nothing")
    add("docs", _docs, "have dbt document the project and the local Snowflake, for the UI's page dbt docs")
    add("schema", _schema, "write the JSON Schema of include/sources/*.yml")
    add("seed", _seed, "fill the demo's sources")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Errors of ours are printed without a traceback."""
    chosen = parser().parse_args(arguments)
    if chosen.run in LOCAL_COMMANDS:
        from include.headrace.demo.environment import forget_foreign_settings

        forget_foreign_settings()
    try:
        return int(chosen.run(chosen))
    except HeadraceError as error:
        say(f"error: {error}")
        return 1
    except BrokenPipeError:
        # Whoever read our output has enough, as with `| head`; nothing more can be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
