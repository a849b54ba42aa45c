"""The environment of a local run's processes: addresses, secrets, and Airflow tuned for one machine."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include.headrace import settings
from include.headrace.demo.env_file import read_env_file
from include.headrace.demo.private_file import owner_only
from include.headrace.demo.server_process import HOST, USER

PARALLELISM = 6
"""Tasks at once. A slot waits for the scheduler between two tasks, so there are more of them than cores: on
two cores the demo's transform took a seventh longer with 4 slots, and a tenth longer with 8."""
AUTH_MANAGER = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
NOT_INHERITED = ("AIRFLOW", "DBT_", "SNOWFLAKE_", "HEADRACE_", "COSMOS", "PYTHONPATH", "PYTHONHOME")
"""Beginnings of variables that would point a local run at something else than itself."""

KEPT = ("HEADRACE_LOCAL_DIR", "HEADRACE_DBT_DIR", "HEADRACE_DBT_RUNNER", "HEADRACE_SCHEDULES")
"""What of these a local run takes from whoever starts it."""

OWN = ("AIRFLOW_CONN_", "AIRFLOW_VAR_")
"""Beginnings of what a local run takes from ``.env`` beside what is not foreign. Its own connections win."""

WAREHOUSE = "HEADRACE"


@dataclass(frozen=True)
class Secrets:
    """What a checkout's Airflow keeps between runs: keys of stored values, tokens and the login."""

    fernet_key: str
    jwt_secret: str
    api_secret: str
    ui_password: str


def is_foreign(name: str) -> bool:
    """True for a variable that would point a local run at something else than itself."""
    return name.startswith(NOT_INHERITED) and name not in KEPT


def own_settings() -> dict[str, str]:
    """What the checkout's ``.env`` gives a local run: Airflow connections and variables, and whatever else
    does not point at another Airflow or account.

    Raises ConfigError for a file that cannot be read as one.
    """
    given = read_env_file(settings.PROJECT_ROOT / ".env")
    return {name: value for name, value in given.items() if name.startswith(OWN) or not is_foreign(name)}


def forget_foreign_settings() -> None:
    """Let this process see of its environment, and of ``.env``, what the processes it starts will see."""
    for name in [name for name in os.environ if is_foreign(name)]:
        del os.environ[name]
    for name, value in own_settings().items():
        os.environ.setdefault(name, value)


def load_secrets(path: Path) -> Secrets:
    """The secrets in ``path``, made the first time."""
    if not path.exists():
        from cryptography.fernet import Fernet

        made = Secrets(
            fernet_key=Fernet.generate_key().decode(),
            jwt_secret=secrets.token_urlsafe(48),
            api_secret=secrets.token_urlsafe(48),
            ui_password=secrets.token_urlsafe(12),
        )
        owner_only(path, json.dumps(made.__dict__))
    return Secrets(**json.loads(path.read_text()))


def base_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What every process gets: the caller's environment without what points elsewhere, what ``.env`` adds,
    no telemetry, no proxy between processes of this machine."""
    env = own_settings() | {name: value for name, value in inherited.items() if not is_foreign(name)}
    for name in ("no_proxy", "NO_PROXY"):
        env[name] = ",".join(filter(None, [env.get(name), HOST, "localhost"]))
    return env | {
        "PYTHONPATH": str(settings.PROJECT_ROOT),
        "PYTHONUNBUFFERED": "1",
        "HEADRACE_ENV": "local",
        "HEADRACE_LOCAL_DIR": str(settings.LOCAL_DIR),
        "HEADRACE_FILES": str(settings.LOCAL_DIR / "sources"),
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "SNOWFLAKE_DISABLE_MINICORE": "1",
        # Asking which cloud this machine is in takes seconds at each sign-in, and nothing needs to know.
        "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",
        "AIRFLOW_HOME": str(settings.LOCAL_DIR / "airflow"),
    }


def snowflake_connection(port: int, password: str) -> str:
    """The Airflow connection to the local Snowflake, as JSON."""
    extra = {
        "account": "local",
        "host": HOST,
        "port": port,
        "protocol": "http",
        "database": settings.raw_database(),
        "warehouse": WAREHOUSE,
        "role": "ACCOUNTADMIN",
    }
    return json.dumps({"conn_type": "snowflake", "login": USER, "password": password, "extra": extra})


def airflow_environment(
    home: Path, port: int, metadata: str, keys: Secrets, *, schedules: bool
) -> dict[str, str]:
    """Settings of Airflow's components: loopback alone, its own login, quick to notice and to start.

    ``metadata`` is the SQLAlchemy URI of the metadata database. Writes the login's password file
    below ``home``. The intervals are for a person waiting: Airflow's defaults are for a cluster. With
    ``schedules`` files are also watched for changes; the caller's HEADRACE_SCHEDULES may still turn the
    schedules themselves off.
    """
    passwords = home / "passwords.json"
    owner_only(passwords, json.dumps({USER: keys.ui_password}))
    url = f"http://{HOST}:{port}"
    options = {
        "CORE__DAGS_FOLDER": settings.PROJECT_ROOT / "dags",
        "CORE__PLUGINS_FOLDER": settings.PROJECT_ROOT / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        # A changed dbt project is parsed anew while its DAG file is read.
        "CORE__DAGBAG_IMPORT_TIMEOUT": 180,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": PARALLELISM,
        # A DAG that changed is stored, and looked at again, after this long at the earliest.
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": 0 if schedules else 30,
        "CORE__EXECUTE_TASKS_NEW_PYTHON_INTERPRETER": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__FERNET_KEY": keys.fernet_key,
        # The page of a task shows its compiled SQL; Airflow's default is 4,096 characters.
        "CORE__MAX_TEMPLATED_FIELD_LENGTH": 65536,
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__AUTH_MANAGER": AUTH_MANAGER,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": passwords,
        "DATABASE__SQL_ALCHEMY_CONN": metadata,
        "API__HOST": HOST,
        "API__PORT": port,
        "API__BASE_URL": url,
        "API__SECRET_KEY": keys.api_secret,
        "API__MAXIMUM_PAGE_LIMIT": 1000,
        "API_AUTH__JWT_SECRET": keys.jwt_secret,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.5,
        # A task's supervisor looks for its end when the task's sockets close, which is a moment too early for
        # about every second task: it then sleeps this long, with the slot. Airflow's default is 5 seconds.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": 1,
        "SCHEDULER__ENABLE_HEALTH_CHECK": False,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 5 if schedules else 300,
        "DAG_PROCESSOR__REFRESH_INTERVAL": 10,
        "DAG_PROCESSOR__PRINT_STATS_INTERVAL": 0,
        "LOGGING__COLORED_CONSOLE_LOG": False,
    }
    return {f"AIRFLOW__{name}": str(value) for name, value in options.items()} | {
        "HEADRACE_SCHEDULES": "on" if schedules and settings.schedules_on() else "off"
    }
