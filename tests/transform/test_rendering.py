from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, TaskGroup

from include.headrace.config import source_names
from include.headrace.errors import ConfigError
from include.headrace.settings import PROJECT_ROOT
from include.headrace.transform import GATHER, OPS, TRANSFORM
from include.headrace.transform.graph import Graph
from include.headrace.transform.manifest import manifest_path
from include.headrace.transform.naming import selection
from include.headrace.transform.profile import PLACEHOLDERS
from include.headrace.transform.rendering import build_dag
from tests.transform.conftest import Project, copy_of


@pytest.fixture(scope="module")
def dag(sample: Project) -> DAG:
    return build_dag(manifest_path(sample.folder), sample.folder)


def nodes_of(dag: DAG) -> Counter[str]:
    """How many tasks run each dbt node."""
    tasks: list[Any] = list(dag.tasks)
    return Counter(
        t.extra_context["dbt_node_config"]["unique_id"] for t in tasks if hasattr(t, "extra_context")
    )


def waits_for(dag: DAG, task_id: str) -> set[str]:
    """All that a task waits for, directly or not."""
    return {task.task_id for task in dag.get_task(task_id).get_flat_relatives(upstream=True)}


@pytest.mark.parametrize("name", ["sample", "own"])
def test_every_node_that_runs_has_exactly_one_task(name: str, request: pytest.FixtureRequest) -> None:
    project: Project = request.getfixturevalue(name)
    nodes, sources = project.manifest["nodes"], project.manifest["sources"]
    expected = [uid for uid, node in nodes.items() if node["resource_type"] == "test"]
    expected += list(project.manifest["unit_tests"])
    expected += [
        uid
        for uid, node in nodes.items()
        if node["resource_type"] in ("model", "seed", "snapshot")
        and node["config"]["materialized"] != "ephemeral"
    ]
    expected += [
        uid for uid, s in sources.items() if (s.get("freshness") or {}).get("warn_after", {}).get("count")
    ]
    manifest = manifest_path(project.folder)
    both = [build_dag(manifest, project.folder, dag_id) for dag_id in (TRANSFORM, OPS)]
    assert sum(map(nodes_of, both), Counter()) == Counter(expected)


def test_what_is_tagged_ops_and_its_tests_are_of_the_dag_ops_and_nothing_else_is(own: Project) -> None:
    found = nodes_of(build_dag(manifest_path(own.folder), own.folder, OPS))
    names = {uid.split(".")[2] for uid in found if uid.startswith("model.")}
    assert names == {"ops_nodes", "ops_runs", "ops_tests", "ops_timings"}
    assert {uid.split(".")[2] for uid in found if uid.startswith("test.")} == {
        "dbt_nodes_keys_are_unique",
        "dbt_nodes_rows_of_committed_loads",
        "ops_nodes_rows_are_unique",
        "ops_runs_rows_are_unique",
        "ops_runs_status_is_known",
        "ops_timings_rows_are_unique",
    }


def test_the_dag_ops_starts_when_a_run_was_gathered(own: Project) -> None:
    dag = build_dag(manifest_path(own.folder), own.folder, OPS)
    schedule: Any = dag.schedule
    assert schedule == build_dag(manifest_path(own.folder), own.folder).get_task(GATHER).outlets[0]
    assert GATHER not in dag.task_ids


@pytest.mark.parametrize("name", ["sample", "own"])
def test_dbt_resolves_each_selection_to_that_node_alone(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dbt.artifacts.resources.types import NodeType
    from dbt.cli.main import dbtRunner
    from dbt.compilation import Linker
    from dbt.contracts.graph.manifest import Manifest
    from dbt.graph.cli import parse_difference
    from dbt.graph.graph import Graph as DbtGraph
    from dbt.graph.selector import ResourceTypeSelector

    project: Project = request.getfixturevalue(name)
    for variable, value in PLACEHOLDERS.items():
        monkeypatch.setenv(variable, value)
    where = ["--project-dir", str(project.folder), "--profiles-dir", str(project.folder), "--target", "local"]
    where += ["--target-path", str(tmp_path), "--log-path", str(tmp_path)]
    # The flag stays set in this process, where the selections below are resolved as commands resolve them.
    parsed = dbtRunner().invoke(["--quiet", "--indirect-selection", "empty", "parse", *where]).result
    assert isinstance(parsed, Manifest)
    linker = Linker()
    linker.link_graph(parsed)
    graph = Graph(project.manifest)
    for uid, node in graph.nodes.items():
        kinds = ["test", "unit_test"] if node.is_test else [node.kind]
        selector = ResourceTypeSelector(
            graph=DbtGraph(linker.graph),
            manifest=parsed,
            previous_state=None,
            resource_types=[NodeType(kind) for kind in kinds],
        )
        chosen = parse_difference([selection(graph, node)], None)
        assert selector.get_selected(chosen) == {uid}


def test_unit_tests_run_before_their_model_and_after_what_it_reads(dag: DAG) -> None:
    assert "stg_orders.amounts_are_numbers" in waits_for(dag, "stg_orders.run")
    assert "source__shop__orders.source_not_null_shop_orders_id" in waits_for(
        dag, "stg_orders.amounts_are_numbers"
    )
    assert "fct_orders.unpaid_orders_are_left_out" in waits_for(dag, "fct_orders.run")


def test_a_unit_test_that_reads_its_own_model_runs_after_it(dag: DAG) -> None:
    assert "fct_orders.run" in waits_for(dag, "fct_orders.old_orders_are_not_read_again")
    assert "fct_orders.old_orders_are_not_read_again" in waits_for(dag, "report.run")


def test_all_tests_and_freshness_hold_back_what_is_downstream(dag: DAG) -> None:
    assert {
        "source__shop__customers.freshness",
        "source__shop__customers.source_unique_shop_customers_id",
        "stg_orders.amount_may_be_missing",
        "int_orders_paid.not_null_int_orders_paid_id",
        "tests.no_order_is_lost",
        "fct_orders.orders_have_customers",
        "stg_customers.every_customer_reaches_the_dimension",
        "tests.source_relationships_shop_customers_id__customer_id__source_shop_orders_",
    } <= waits_for(dag, "report.run")
    assert "tests.report_is_whole" in waits_for(dag, "report_monthly.run")
    assert "fct_orders.orders_have_customers" not in waits_for(dag, "customer_list.run")


def test_neither_tasks_nor_groups_wait_in_a_circle(dag: DAG) -> None:
    list(TopologicalSorter({t.task_id: t.upstream_task_ids for t in dag.tasks}).static_order())
    groups: list[TaskGroup] = [dag.task_group]
    for group in groups:
        group.topological_sort()
        groups += [child for child in group.children.values() if isinstance(child, TaskGroup)]
    assert {"layer__staging", "layer__marts", "fct_orders"} <= {str(group.group_id) for group in groups}


def test_a_models_settings_hold_for_its_tests(dag: DAG) -> None:
    for name in ("run", "key_is_given", "amounts_are_numbers"):
        task = dag.get_task(f"stg_orders.{name}")
        assert (task.retries, task.pool, task.queue) == (5, "heavy", "big")
    task = dag.get_task("report.run")
    assert (task.retries, task.pool, bool(task.retry_exponential_backoff)) == (2, "dbt", True)


def test_a_setting_that_would_be_ignored_is_refused(sample: Project, tmp_path: Path) -> None:
    manifest = json.loads(json.dumps(sample.manifest))
    manifest["nodes"]["model.shop.report"]["config"]["meta"] = {"cosmos": {"operator_kwargs": {"retires": 3}}}
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match=r"report\.sql: .* sets retires; it may set .*retries"):
        build_dag(path, sample.folder)


def test_the_assets_of_all_sources_start_it(dag: DAG) -> None:
    condition: Any = dag.schedule
    assert [asset.name for asset in condition.objects] == [f"raw.{name}" for name in source_names()]


@pytest.mark.parametrize(
    ("asked_for", "drawn"),
    [
        ("", ["ops", "transform"]),
        ("transform", ["transform"]),
        ("ops", ["ops"]),
        ("ingest__operations", []),
    ],
)
def test_reading_the_dag_file_imports_neither_dbt_nor_snowflake(
    own: Project, tmp_path: Path, asked_for: str, drawn: list[str]
) -> None:
    program = (
        "import runpy, sys\n"
        "from include.headrace.transform import manifest\n"
        f"names = runpy.run_path({str(PROJECT_ROOT / 'dags' / 'transform.py')!r})\n"
        "watched = ('dbt', 'snowflake.connector', 'pandas', 'include.headrace.transform.rendering')\n"
        "drawn = sorted({'transform', 'ops'} & set(names))\n"
        "print(drawn, [name for name in watched if name in sys.modules])\n"
    )
    loaded = ["include.headrace.transform.rendering"] if drawn else []
    root = copy_of(PROJECT_ROOT / "include", tmp_path / "include").parent
    (root / "dbt").symlink_to(own.folder)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(root),
            "AIRFLOW_HOME": str(tmp_path / "home"),
            **({"_AIRFLOW_PARSING_CONTEXT_DAG_ID": asked_for} if asked_for else {}),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == [f"{drawn} {loaded}"], done.stderr[-2000:]


def test_a_full_refresh_of_the_run_reaches_models_and_seeds_alone(dag: DAG) -> None:
    assert dag.params["full_refresh"] is False
    templated: dict[str, set[Any]] = {}
    for task in dag.tasks:
        if hasattr(task, "extra_context"):
            kind = task.extra_context["dbt_node_config"]["resource_type"]
            templated.setdefault(kind, set()).add(getattr(task, "full_refresh", None))
    assert templated["model"] == templated["seed"] == {"{{ params.full_refresh }}"}
    assert not any(templated[kind] & {"{{ params.full_refresh }}"} for kind in ("test", "unit_test"))
    model: Any = next(t for t in dag.tasks if type(t).__name__ == "RunModel")
    assert "full_refresh" in model.template_fields
    for value, flags in (("True", ["--full-refresh"]), ("False", [])):
        model.full_refresh = value
        assert [flag for flag in model.add_cmd_flags() if flag == "--full-refresh"] == flags
