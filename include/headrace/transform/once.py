"""What dbt works out anew in each run though nothing of it changes, worked out once in this process.

Each function here takes the place of one of dbt's, which it calls for whatever it has not seen. What is kept
while :func:`learning` is kept for good; a run adds nothing, so that no run's settings or secrets stay.
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

OF_A_RUN = frozenset(
    {"project-root", "log-path", "account", "user", "role", "warehouse", "host", "port", "protocol"}
    | {"password", "token", "authenticator", "private_key", "private_key_path", "private_key_passphrase"}
)
"""Settings that differ from run to run or from the rehearsal; of each, dbt's schemas ask a type alone."""
_learns = False


@contextmanager
def learning() -> Iterator[None]:
    """Keep what dbt reads and finds valid while in the block."""
    global _learns
    _learns = True
    try:
        yield
    finally:
        _learns = False


def look_once() -> None:
    """Have dbt look once for plugins, for who asks for a flag and for secrets of its own, and read and check
    once what :func:`learning` has seen. Once a process is enough."""
    from dbt.config.runtime import RuntimeConfig
    from dbt.context.manifest import ManifestContext
    from dbt.jsonschemas import jsonschemas
    from dbt.plugins.manager import PluginManager
    from dbt_common import dataclass_schema
    from dbt_common.behavior_flags import BehaviorFlagRendered
    from dbt_common.events import functions
    from snowflake.connector.connection import DEFAULT_CONFIGURATION

    _put(PluginManager, "get_prefixed_modules", functools.cache(PluginManager.get_prefixed_modules))
    _put(BehaviorFlagRendered, "_default_source", staticmethod(_asking_module))
    _put(functions, "env_secrets", _secrets_once(vars(functions)["env_secrets"]))
    of_schema = dataclass_schema.dbtClassMixin
    _put(of_schema, "validate", classmethod(_validated_once(vars(of_schema)["validate"].__func__)))
    _put(jsonschemas, "_validate_with_schema", _without_errors_once(jsonschemas._validate_with_schema))
    _put(RuntimeConfig, "new_project", _packages_once(RuntimeConfig.new_project))
    _put(ManifestContext, "to_dict", _named)
    _read_yaml_once()
    # The connector would tell Snowflake of every module that is loaded.
    _, kind = DEFAULT_CONFIGURATION["log_imported_packages_in_telemetry"]
    DEFAULT_CONFIGURATION["log_imported_packages_in_telemetry"] = (False, kind)


def _put(owner: Any, name: str, instead: Any) -> None:
    # By name: to a type checker a method is not to be set.
    setattr(owner, name, instead)


def _asking_module() -> str:
    """What ``BehaviorFlagRendered._default_source`` answers, from the frames alone: the module that made the
    flag. dbt's own looks up the source file of every module of the process for each frame."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__")
        if name and name != "dbt_common.behavior_flags":
            return str(name)
        frame = frame.f_back
    return "Unknown"


def _secrets_once(secrets: Callable[[], list[str]]) -> Callable[[], list[str]]:
    """The values that dbt keeps out of a line of its log, for which it looks through the environment each
    time: those of the run, which its context holds."""
    from dbt_common.context import _INVOCATION_CONTEXT_VAR

    def secrets_of_the_run() -> list[str]:
        context = _INVOCATION_CONTEXT_VAR.get(None)
        return secrets() if context is None else context.env_secrets

    return secrets_of_the_run


def _validated_once(validate: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Checks against a class's schema; what fails is checked, and fails, each time."""
    valid: set[tuple[Any, str]] = set()

    def validate_once(cls: Any, data: Any) -> None:
        seen = (cls, _shape(data))
        if seen not in valid:
            validate(cls, data)
            if _learns:
                valid.add(seen)

    return validate_once


def _shape(data: Any) -> str:
    """What a schema looks at: all of it, but of :data:`OF_A_RUN` the types."""
    if not isinstance(data, dict):
        return repr(data)
    shape = {name: type(value) if name in OF_A_RUN else value for name, value in data.items()}
    if "credentials" in shape:
        shape["credentials"] = _shape(shape["credentials"])
    return repr(shape)


def _without_errors_once(
    errors_of: Callable[[Any, Any], Iterable[Any]],
) -> Callable[[Any, Any], Iterable[Any]]:
    """Looks for what is deprecated in a project's settings; what is found is found each time."""
    from dbt.jsonschemas.jsonschemas import project_schema

    clean: set[str] = set()

    def errors_once(schema: Any, json: Any) -> Iterable[Any]:
        if schema is not project_schema():
            return errors_of(schema, json)
        seen = repr(json)
        if seen in clean:
            return ()
        errors = list(errors_of(schema, json))
        if _learns and not errors:
            clean.add(seen)
        return errors

    return errors_once


def _packages_once(new_project: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Reads the settings of a package: those of dbt's own once. A run looks at their variables alone."""
    from dbt.adapters.factory import get_include_paths

    read: dict[str, Any] = {}

    def new_project_once(self: Any, project_root: str) -> Any:
        if project_root in read:
            return read[project_root]
        project = new_project(self, project_root)
        if _learns and Path(project_root) in map(Path, get_include_paths("snowflake")):
            read[project_root] = project
        return project

    return new_project_once


def _named(context: Any) -> dict[str, Any]:
    """What ``ManifestContext.to_dict`` answers: a context's names and the macros that it finds, of two with
    one name the one that is found first. dbt looks each of them up."""
    from dbt.context.configured import ConfiguredContext
    from dbt.context.macros import MacroNamespace

    names: dict[str, Any] = ConfiguredContext.to_dict(context)
    if isinstance(context.namespace, MacroNamespace):
        for macros in reversed(list(context.namespace._search_order())):
            names.update(macros)
    else:
        names.update(context.namespace.local_namespace)
        names.update(context.namespace.project_namespace)
    return names


def _read_yaml_once() -> None:
    from dbt.clients.yaml_helper import load_yaml_text

    read: dict[str, Any] = {}

    def read_once(contents: Any, path: Any = None, loader: Any = None) -> Any:
        if loader is not None or not isinstance(contents, str):
            return load_yaml_text(contents, path, *([loader] if loader else []))
        if contents in read:
            return copy.deepcopy(read[contents])
        found = load_yaml_text(contents, path)
        if _learns:
            read[contents] = copy.deepcopy(found)
        return found

    for name, module in list(sys.modules.items()):
        if name.startswith("dbt.") and getattr(module, "load_yaml_text", None) is load_yaml_text:
            _put(module, "load_yaml_text", read_once)
