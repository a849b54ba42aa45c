"""The whole platform on one machine: source servers, the local Snowflake, Airflow's components."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import psutil

from include.headrace import settings
from include.headrace.airflow_api import AirflowApi
from include.headrace.demo.account import prepare_account
from include.headrace.demo.environment import (
    PARALLELISM,
    Secrets,
    airflow_environment,
    base_environment,
    load_secrets,
    snowflake_connection,
)
from include.headrace.demo.processes import Processes, RunFile, find, run_lock
from include.headrace.demo.redis_server import RedisServer
from include.headrace.demo.server_process import HOST, USER, free_port
from include.headrace.demo.source_servers import SourceServers
from include.headrace.demo.workers import (
    CELERY,
    WORKERS,
    celery_environment,
    worker_arguments,
    worker_environment,
)
from include.headrace.pools import pool_slots

METADATA_DATABASE = "airflow"
START_SECONDS = 120
PARSE_SECONDS = 180
MIGRATE_SECONDS = 300
SUPERVISOR_SECONDS = 60

Say = Callable[[str], None]


def run_file() -> RunFile:
    """This checkout's run.json."""
    return RunFile(settings.LOCAL_DIR / "run.json")


def redis_server() -> RedisServer:
    """This checkout's Redis, which Celery alone needs."""
    return RedisServer(settings.LOCAL_DIR / "redis")


def listens(port: int) -> bool:
    """True when something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


class Stopped(KeyboardInterrupt):
    """SIGTERM: unwinds like Ctrl-C, so that everything started is stopped on the way."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into Stopped while in the block; SIGINT is KeyboardInterrupt as ever.

    One that is ignored, as nohup has it, stays so.
    """
    both = (signal.SIGTERM, signal.SIGHUP)
    numbers = [number for number in both if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class LocalSnowflake:
    """The local Snowflake (emulated) as a process of its own, its data below ``.local/snowflake``."""

    def __init__(self, processes: Processes, env: dict[str, str]) -> None:
        self.port = free_port()
        self.password = secrets.token_urlsafe(18)
        self._processes = processes
        self._env = env

    @property
    def login(self) -> dict[str, Any]:
        """How to reach it and sign in: ``port``, ``user``, ``password``."""
        return {"port": self.port, "user": USER, "password": self.password}

    def start(self) -> None:
        """Start the server without waiting for it."""
        command = [sys.executable, "-m", "include.headrace", "local-snowflake"]
        command += ["--port", str(self.port), "--data", str(settings.LOCAL_DIR / "snowflake")]
        login = {"HEADRACE_LOCAL_SNOWFLAKE_USER": USER, "HEADRACE_LOCAL_SNOWFLAKE_PASSWORD": self.password}
        self._processes.start("local-snowflake", command, self._env | login, settings.PROJECT_ROOT)

    def wait(self) -> None:
        """Wait until it answers, prepare the account, and write its address down for ``make sql``."""
        self._processes.wait_until("local-snowflake", lambda: listens(self.port), START_SECONDS)
        prepare_account(self.login)
        self._processes.note(snowflake=self.login)


class Platform:
    """Everything of a local run. :func:`running_platform` makes one and takes it down again."""

    def __init__(self, processes: Processes, *, executor: str, schedules: bool, say: Say) -> None:
        self.processes = processes
        self.keys: Secrets = load_secrets(settings.LOCAL_DIR / "airflow" / "secrets.json")
        self.api = AirflowApi(f"http://{HOST}:{free_port()}", direct=True)
        self.sources = SourceServers(settings.LOCAL_DIR)
        self._redis = redis_server()
        self._executor = executor
        self._env = base_environment(os.environ)
        self.snowflake = LocalSnowflake(processes, self._env)
        self.processors_started = datetime.now(UTC)
        self._schedules = schedules
        self._say = say

    def start(self) -> None:
        """Start everything and return once Airflow's API answers and each pool is there.

        Work that waits for other processes goes on side by side: two cores are busy from the start.
        """
        self._say("starting the sources and the local Snowflake (emulated)")
        self.snowflake.start()
        # With the connection, the manifest that runs need is made as well, for the scheduler to hold.
        parse = self._program("parse", "--if-stale")
        self.processes.start("dbt-parse", parse, self._env | self._warehouse(), settings.PROJECT_ROOT)
        self.sources.postgres.start()
        if self._executor == CELERY:
            self._redis.start()
        env = self._airflow_environment()
        self.processes.start("airflow-migrate", self._airflow("db", "migrate"), env, settings.PROJECT_ROOT)
        if self.sources.start():
            self._say("filled the sources with the flights of 2013")
        env |= {f"AIRFLOW_CONN_{name.upper()}": value for name, value in self.sources.connections().items()}
        self.processes.finish("airflow-migrate", MIGRATE_SECONDS)
        self._say("starting Airflow")
        port = self.api.url.rpartition(":")[2]
        self._component("api-server", env, "--host", HOST, "--port", port)
        self.processes.finish("dbt-parse", PARSE_SECONDS)
        self._component("scheduler", env, "--skip-serve-logs")
        if self._executor == CELERY:
            for name in WORKERS:
                self._worker(name, env)
        self.processors_started = datetime.now(UTC)
        self._component("dag-processor", env)
        self.snowflake.wait()
        self.processes.wait_until("api-server", self.api.answers, START_SECONDS)
        self.api.login(USER, self.keys.ui_password)
        self.api.set_pools(pool_slots(), "Headrace")
        login = {"url": self.api.url, "user": USER, "password": self.keys.ui_password}
        self.processes.note(airflow=login)

    def stop(self) -> None:
        """Stop everything; data stays."""
        self.api.close()
        self.processes.stop()
        self._redis.stop()
        self.sources.stop()

    def _airflow_environment(self) -> dict[str, str]:
        postgres = self.sources.postgres
        if not postgres.execute("SELECT 1 FROM pg_database WHERE datname = %s", (METADATA_DATABASE,)):
            postgres.execute(f"CREATE DATABASE {METADATA_DATABASE}")
        uri = postgres.dsn.removesuffix("postgres") + METADATA_DATABASE
        metadata = uri.replace("postgresql://", "postgresql+psycopg2://", 1)
        port = int(self.api.url.rpartition(":")[2])
        home = settings.LOCAL_DIR / "airflow"
        of_celery = self._executor == CELERY
        return {
            **self._env,
            **airflow_environment(home, port, metadata, self.keys, schedules=self._schedules),
            **(celery_environment(self._redis.url, metadata, PARALLELISM) if of_celery else {}),
            **self._warehouse(),
        }

    def _warehouse(self) -> dict[str, str]:
        connection = snowflake_connection(self.snowflake.port, self.snowflake.password)
        return {f"AIRFLOW_CONN_{settings.SNOWFLAKE_CONN_ID.upper()}": connection}

    def _component(self, name: str, env: dict[str, str], *arguments: str) -> None:
        self.processes.start(name, self._airflow(name, *arguments), env, settings.PROJECT_ROOT)

    def _worker(self, name: str, env: dict[str, str]) -> None:
        command = self._airflow(*worker_arguments(name))
        env = env | worker_environment(name)
        self.processes.start(name, command, env, settings.PROJECT_ROOT, again=True)

    @staticmethod
    def _airflow(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "airflow", *arguments]

    @staticmethod
    def _program(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "include.headrace", *arguments]


@contextlib.contextmanager
def running_platform(*, executor: str, schedules: bool, say: Say) -> Iterator[Platform]:
    """The platform, running; stopped however the block ends, SIGINT and SIGTERM included.

    ``executor`` is of ``EXECUTORS``. Stops first what a killed earlier run left behind. Raises BusyError
    when another run holds this checkout, StartError with the end of a log when a part does not start.
    """
    with stopped_by_signals(), run_lock(settings.LOCAL_DIR / "run.lock"):
        left = run_file().stop_leftovers()
        if left:
            say(f"stopped what an earlier run left behind: {', '.join(left)}")
        processes = Processes(run_file(), settings.LOCAL_DIR / "logs", say)
        platform = Platform(processes, executor=executor, schedules=schedules, say=say)
        try:
            platform.start()
            yield platform
        finally:
            with signals_held():
                platform.stop()


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Let no second Ctrl-C cut the stopping short: what is asked to stop is killed soon enough."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_everything() -> list[str]:
    """Stop what runs for this checkout, whoever started it: a live supervisor is asked first, and what a
    dead one left is stopped. Returns the names of what was stopped."""
    content = run_file().read()
    supervisor = find(content["supervisor"]) if content else None
    stopped: list[str] = []
    if supervisor is not None:
        stopped = [entry["name"] for entry in content["processes"]]
        supervisor.terminate()
        try:
            supervisor.wait(SUPERVISOR_SECONDS)
        except psutil.TimeoutExpired:
            supervisor.kill()
    stopped += run_file().stop_leftovers()
    redis_server().stop()
    SourceServers(settings.LOCAL_DIR).stop()
    return stopped


def seed_sources() -> bool:
    """Fill the demo's sources without running anything. Returns False when they were filled before."""
    servers = SourceServers(settings.LOCAL_DIR)
    with stopped_by_signals(), run_lock(settings.LOCAL_DIR / "run.lock"):
        try:
            return servers.start()
        finally:
            servers.stop()
