"""Celery on one machine: two workers that share the slots, and settings that soon notice when one died."""

from __future__ import annotations

import os

LOCAL = "local"
CELERY = "celery"
EXECUTORS = (LOCAL, CELERY)
"""What may run the tasks: processes that the scheduler forks, or two workers of Celery."""

WORKERS = ("worker-1", "worker-2")
NAME_VARIABLE = "HEADRACE_WORKER"
LOST_SECONDS = 60
"""A task without a sign of life for this long is tried again, and a message that nobody acknowledged for this
long goes to another worker. Tasks give twelve signs in the time; a cluster's default is five minutes."""


def worker_name() -> str:
    """What Airflow is told as the name of the host: on one machine two workers would else look the same."""
    return os.environ[NAME_VARIABLE]


def celery_environment(broker: str, metadata: str, slots: int) -> dict[str, str]:
    """Settings of Airflow's components that make Celery run the tasks, ``slots`` at once in all.

    ``broker`` is the URL of Redis, ``metadata`` the SQLAlchemy URI of the database that keeps the results.
    """
    options = {
        "CORE__EXECUTOR": "CeleryExecutor",
        "CELERY__BROKER_URL": broker,
        "CELERY__RESULT_BACKEND": f"db+{metadata}",
        "CELERY__WORKER_CONCURRENCY": slots // len(WORKERS),
        # A worker takes no message that it cannot run now, and gives one back that it did not finish.
        "CELERY__WORKER_PREFETCH_MULTIPLIER": 1,
        "CELERY__TASK_ACKS_LATE": True,
        "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": LOST_SECONDS,
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": LOST_SECONDS,
        # A process that sends messages side by side pays on a cluster alone.
        "CELERY__SYNC_PARALLELISM": 1,
        # One second, the default, can pass on a busy machine before a message is sent.
        "CELERY__OPERATION_TIMEOUT": 10,
    }
    return {f"AIRFLOW__{name}": str(value) for name, value in options.items()}


def worker_environment(name: str) -> dict[str, str]:
    """What the worker ``name`` has in its environment beside the settings."""
    return {NAME_VARIABLE: name, "AIRFLOW__CORE__HOSTNAME_CALLABLE": f"{__name__}.{worker_name.__name__}"}


def worker_arguments(name: str) -> tuple[str, ...]:
    """The arguments of ``airflow`` that start the worker ``name``.

    Task logs are not served: the API server reads them from the same disk.
    """
    quiet = ("--skip-serve-logs", "--without-gossip", "--without-mingle")
    return ("celery", "worker", "--celery-hostname", name, *quiet)
