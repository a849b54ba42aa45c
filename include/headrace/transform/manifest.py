"""The baked manifest: ``dbt parse`` written to ``dbt/target/manifest.json``, from which the DAG is drawn.

It serves for drawing alone. A manifest carries its target's databases, so runs never use this one:
see :mod:`include.headrace.transform.run_manifest`. What is drawn must therefore not depend on the
target: switch a model off with a variable or a tag, not with ``enabled: "{{ target.name == ... }}"``.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from include.headrace import settings
from include.headrace.errors import ConfigError
from include.headrace.transform.profile import PLACEHOLDERS, connection_in_environment, dbt_environment
from include.headrace.transform.project_files import project_state
from include.headrace.transform.run_manifest import FILE, identify, keep

COMMAND = "python -m include.headrace parse"
NO_TRACKING = {"DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def dbt_command() -> str:
    """The ``dbt`` of this environment: beside the interpreter, or on PATH. Raises ConfigError without one."""
    beside = Path(sys.executable).parent / "dbt"
    found = str(beside) if beside.exists() else shutil.which("dbt")
    if found is None:
        raise ConfigError("There is no dbt command here; install what requirements.txt names.")
    return found


def manifest_path(project_dir: Path = settings.DBT_DIR) -> Path:
    """Where the baked manifest of a project is."""
    return project_dir / "target" / "manifest.json"


def bake(target: str | None = None, project_dir: Path = settings.DBT_DIR, *, strict: bool = False) -> Path:
    """Parse a dbt project and write its manifest; returns the manifest's path.

    ``target`` is a target of the profile, by default the environment's name. It needs no connection:
    variables of the profile that are not set get placeholders. Where the environment has the connection
    ``snowflake_default``, the manifest that runs with it need is kept as well. ``strict`` makes dbt's
    warnings errors. Raises ConfigError with dbt's own message when the project does not parse.
    """
    with _locked(project_dir):
        return _bake(target or settings.environment(), project_dir, strict=strict)


def is_stale(project_dir: Path = settings.DBT_DIR) -> bool:
    """True when the baked manifest is missing or was made from other files or by another dbt."""
    path, stamp = manifest_path(project_dir), _stamp_path(project_dir)
    if not path.exists() or not stamp.exists():
        return True
    return bool(json.loads(stamp.read_text()).get("project") != project_state(project_dir).digest)


def current_manifest(project_dir: Path = settings.DBT_DIR, *, rebake: bool) -> Path:
    """The path of a manifest that is current, for a DAG file to draw from.

    With ``rebake`` (local runs) a stale one is made again, so that a changed model shows by itself.
    Without, raises ConfigError saying which command to run.
    """
    if is_stale(project_dir):
        if not rebake:
            state = "older than the project's files" if manifest_path(project_dir).exists() else "missing"
            raise ConfigError(f"The manifest {manifest_path(project_dir)} is {state}; run `{COMMAND}`.")
        with _locked(project_dir):
            if is_stale(project_dir):
                _bake(settings.environment(), project_dir)
    return manifest_path(project_dir)


def _bake(target: str, project_dir: Path, *, strict: bool = False) -> Path:
    path = manifest_path(project_dir)
    parsed = project_state(project_dir).digest
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        command = [dbt_command(), "--no-use-colors", "--log-level-file", "none"]
        command += ["--warn-error"] if strict else []
        command += ["parse", "--target", target]
        command += ["--project-dir", ".", "--profiles-dir", ".", "--target-path", scratch]
        known = _connection_environment()
        of_a_run = {**os.environ, **known}
        env = {**PLACEHOLDERS, **of_a_run, **NO_TRACKING}
        done = subprocess.run(
            command,
            env=env,
            cwd=project_dir,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ConfigError(f"dbt cannot parse {project_dir}:\n{done.stdout.strip()[-4000:]}")
        stamp = Path(scratch, "stamp")
        stamp.write_text(json.dumps({"project": parsed, "target": target}))
        Path(scratch, "manifest.json").replace(path)
        stamp.replace(_stamp_path(project_dir))
        identity = identify(project_dir, target, env, variables="")
        if known and identity == identify(project_dir, target, of_a_run, variables=""):
            keep(identity, Path(scratch, FILE))
    return path


def _connection_environment() -> dict[str, str]:
    """What the profile reads of the connection, when this process has it as an environment variable."""
    connection = connection_in_environment()
    try:
        return dbt_environment(connection) if connection else {}
    except ConfigError:
        # To draw the project none is needed; whichever task needs it says what is wrong with it.
        return {}


def _stamp_path(project_dir: Path) -> Path:
    return manifest_path(project_dir).with_suffix(".stamp.json")


@contextmanager
def _locked(project_dir: Path) -> Iterator[None]:
    """Let one process at a time bake; several parse the DAG file at once."""
    folder = manifest_path(project_dir).parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".manifest.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
