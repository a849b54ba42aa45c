"""What dbt does anew in each process, done once in the process that tasks are forked from.

dbt compiles code and schemas for each kind of object at its first use, and looks through all installed
modules at each run. In a process that does it once that is nothing; a task is a process of its own.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from include.headrace.transform.manifest import NO_TRACKING
from include.headrace.transform.profile import PLACEHOLDERS
from include.headrace.transform.running import environment
from include.headrace.transform.templates import compile_texts_once

PROJECT = {
    "dbt_project.yml": "name: rehearsal\nprofile: rehearsal\nmodels:\n  +materialized: view\n",
    "profiles.yml": "rehearsal:\n  target: rehearsal\n  outputs:\n    rehearsal:\n      type: snowflake\n"
    + "".join(
        f"      {name}: {PLACEHOLDERS[f'SNOWFLAKE_{name.upper()}']}\n"
        for name in ("account", "user", "password", "role", "warehouse", "host", "protocol")
    )
    + "      port: 1\n      database: rehearsal\n      schema: rehearsal\n",
    "models/one.sql": "select 1 as id\n",
    "models/one.yml": "models: [{name: one, columns: [{name: id, data_tests: [not_null]}]}]\n",
}
"""The smallest project that has a model and a test."""


def rehearse() -> None:
    """Let dbt parse a small project, and compile what a run needs. Opens no connection, leaves no thread."""
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner

    _look_once()
    compile_texts_once()
    _compile_contracts()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in PROJECT.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        where = ["--project-dir", folder, "--profiles-dir", folder, "--target-path", f"{folder}/target"]
        quiet = ["--quiet", "--log-level", "none", "--log-level-file", "none"]
        with environment({**os.environ, **NO_TRACKING}):
            # The static parser starts native threads, which a forked task would wait for in vain.
            command = [*quiet, "--no-static-parser", "parse", *where, "--log-path", folder]
            outcome = dbtRunner().invoke(command)
        reset_adapters()
    if not outcome.success:
        raise RuntimeError(f"dbt cannot parse a project of one model: {outcome.exception}")


def _look_once() -> None:
    """Let dbt look through the installed modules once, for its plugins and for who asks for a flag."""
    from dbt.plugins.manager import PluginManager
    from dbt_common.behavior_flags import BehaviorFlagRendered

    # By name: to a type checker a method is not to be set.
    for owner, method, instead in (
        (PluginManager, "get_prefixed_modules", functools.cache(PluginManager.get_prefixed_modules)),
        (BehaviorFlagRendered, "_default_source", staticmethod(_asking_module)),
    ):
        setattr(owner, method, instead)


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


def _compile_contracts() -> None:
    """Have the code compiled that reads and writes each kind of object, which happens at its first use."""
    from dbt.adapters.contracts.connection import AdapterResponse
    from dbt.adapters.snowflake.connections import SnowflakeCredentials
    from dbt.adapters.snowflake.relation import SnowflakeRelation
    from dbt.artifacts.schemas.freshness import FreshnessExecutionResultArtifact, SourceFreshnessOutput
    from dbt.artifacts.schemas.run import RunResultOutput, RunResultsArtifact
    from dbt.contracts.graph import nodes
    from dbt.contracts.graph.manifest import Manifest
    from dbt.contracts.project import Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags
    from dbt.contracts.selection import SelectorFile
    from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder
    from dbt.task.test import TestResultData

    validated = (SnowflakeCredentials, Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags)
    for contract in (*validated, SelectorFile, TestResultData):
        contract.json_schema()
    in_graph = (
        nodes.ModelNode,
        nodes.SeedNode,
        nodes.SnapshotNode,
        nodes.GenericTestNode,
        nodes.SingularTestNode,
        nodes.HookNode,
        nodes.SourceDefinition,
        nodes.UnitTestNode,
        nodes.UnitTestDefinition,
        nodes.Exposure,
        nodes.Macro,
        nodes.Group,
    )
    results = (
        RunResultOutput,
        RunResultsArtifact,
        FreshnessExecutionResultArtifact,
        SourceFreshnessOutput,
        *AdapterResponse.__subclasses__(),
    )
    kinds: list[Any] = [*in_graph, *results, *validated, SelectorFile, SnowflakeRelation]
    for kind in kinds:
        # Nothing is as empty as that, which is told once the code is there.
        with suppress(Exception):
            kind.from_dict({})
        with suppress(Exception):
            kind.to_dict(kind.__new__(kind))
    Manifest.from_msgpack(
        Manifest().to_msgpack(extended_mashumaro_encoder), decoder=extended_mashumuro_decoder
    )
