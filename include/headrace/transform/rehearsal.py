"""What dbt does anew in each process, done once in the process that tasks are forked from.

dbt compiles code and schemas for each kind of object at its first use, and looks through all installed
modules at each run. In a process that does it once that is nothing; a task is a process of its own.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.headrace import settings
from include.headrace.transform import parsed
from include.headrace.transform.arguments import FLAGS
from include.headrace.transform.linking import link_once
from include.headrace.transform.manifest import NO_TRACKING
from include.headrace.transform.once import learning, look_once
from include.headrace.transform.profile import PLACEHOLDERS
from include.headrace.transform.project_files import MADE_BY_DBT, project_state
from include.headrace.transform.running import environment
from include.headrace.transform.stand_in import no_native_parser, no_warehouse
from include.headrace.transform.templates import compile_texts_once

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

PROJECT = Path(__file__).with_name("rehearsal_project")
"""The smallest project that has a node of each kind."""


def rehearse() -> None:
    """Let dbt run a small project against no warehouse, and compile what a run needs.

    Opens no connection, leaves no thread. Raises RuntimeError where dbt cannot read that project.
    """
    look_once()
    compile_texts_once()
    link_once()
    _compile_contracts()
    outcomes = run_small_project()
    if not outcomes["parse"].success:
        raise RuntimeError(f"dbt cannot parse a small project: {outcomes['parse'].exception}")


def run_small_project() -> dict[str, dbtRunnerResult]:
    """What dbt made of each command that a task may give, over :data:`PROJECT` and no warehouse."""
    commands = {"parse": ["parse"], "build": ["build"], "freshness": ["source", "freshness"]}
    with _stage(PROJECT, NO_TRACKING):
        return {name: _invoke(command) for name, command in commands.items()}


def rehearse_project(project_dir: Path) -> dbtRunnerResult | None:
    """Let dbt run one node of a project, a test where it has one, against no warehouse: it then has read and
    checked that project's settings. None where no manifest of it is kept yet.

    What is wrong with the project is for the run to tell that needs it.
    """
    from dbt.artifacts.resources.types import NodeType

    kept = parsed.newest()
    if kept is None:
        return None
    with suppress(Exception):
        project_state(project_dir)
        manifest = parsed.decode(kept)
        nodes = sorted(manifest.nodes.values(), key=lambda node: node.resource_type != NodeType.Test)
        command = "test" if nodes[0].resource_type == NodeType.Test else "build"
        selection = ["--select", ".".join(nodes[0].fqn), "--indirect-selection", "empty"]
        with _stage(project_dir, {**PLACEHOLDERS, **os.environ, **NO_TRACKING}):
            return _invoke([command, *selection, "--target", settings.environment()], manifest)
    return None


@contextlib.contextmanager
def _stage(project_dir: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Be in a copy of a project, as a task is, with these environment variables more and no warehouse."""
    with (
        learning(),
        no_warehouse(),
        no_native_parser(),
        tempfile.TemporaryDirectory() as folder,
        environment({**os.environ, **env}),
        contextlib.chdir(folder),
    ):
        for path in project_dir.iterdir():
            if path.name not in MADE_BY_DBT:
                Path(folder, path.name).symlink_to(path.resolve())
        yield


def _invoke(command: list[str], manifest: Manifest | None = None) -> dbtRunnerResult:
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner

    here = str(Path.cwd())
    quiet = ["--quiet", "--log-level", "none", "--single-threaded"]
    where = ["--project-dir", here, "--profiles-dir", here]
    try:
        return dbtRunner(manifest=manifest).invoke([*FLAGS, *quiet, *command, *where])
    finally:
        reset_adapters()


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
