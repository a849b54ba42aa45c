"""Cosmos's local operators, with the connection read when a task runs, our runner, and one node a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from airflow.sdk.definitions.context import context_merge
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from cosmos.constants import InvocationMode
from cosmos.operators.local import (
    DbtLocalBaseOperator,
    DbtRunLocalOperator,
    DbtSeedLocalOperator,
    DbtSnapshotLocalOperator,
    DbtSourceLocalOperator,
    DbtTestLocalOperator,
)

from include.headrace.settings import SNOWFLAKE_CONN_ID
from include.headrace.transform import NODE_XCOM, WARNING_XCOM
from include.headrace.transform.gathering import row_of
from include.headrace.transform.profile import login_of
from include.headrace.transform.reporting import OUTCOME, QueryPage, rows_query, tell
from include.headrace.transform.result import DbtResult, read_nodes
from include.headrace.transform.runner import DbtRunner, make_runner
from include.headrace.transform.stock import is_stock
from include.headrace.transform.window import EVENT_TIME_END, EVENT_TIME_START, window_flags


class OneNode(DbtLocalBaseOperator):
    """Runs the dbt command of one node.

    A run that did anything but this node fails: a selection that matches nothing is a success to
    dbt. What running again cannot change fails without a retry. A warning leaves the task green and
    goes to :func:`include.headrace.notify.notify_warning`.

    Airflow stores the rendered fields once, when the task has ended: they tell little before, and storing
    them twice costs each task a request more. Of Cosmos's fields those are rendered that our tasks use.
    """

    template_fields: Sequence[str] = ("select", "compiled_sql", OUTCOME)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DbtLocalBaseOperator.template_fields_renderers,
        OUTCOME: "json",
    }
    operator_extra_links = (QueryPage(),)
    outcome: dict[str, Any] | None = None
    query_page = ""
    _runner: DbtRunner | None = None
    _account = ""
    _host = ""

    def get_env(self, context: Any) -> dict[str, Any]:
        """Cosmos's environment and the connection's; never a template field, so never shown."""
        environment = login_of(self.conn_id or SNOWFLAKE_CONN_ID)
        self._account, self._host = (environment.get(f"SNOWFLAKE_{name}", "") for name in ("ACCOUNT", "HOST"))
        return {**super().get_env(context), **environment}

    @property
    def invoke_dbt(self) -> Callable[..., DbtResult]:
        """What Cosmos calls to run a command in its copy of the project."""
        return self._invoke

    def _invoke(self, command: list[str], env: dict[str, str], cwd: str, **_: Any) -> DbtResult:
        if is_stock():
            return self._invoke_as_cosmos_does(command, env, cwd)
        self._runner = make_runner()
        return self._runner.run(command[1:], env, Path(self.project_dir), Path(cwd))

    def _invoke_as_cosmos_does(self, command: list[str], env: dict[str, str], cwd: str) -> DbtResult:
        outcome = super().invoke_dbt(command=command, env=env, cwd=cwd)
        nodes = read_nodes(Path(cwd) / "target")
        if self.invocation_mode == InvocationMode.SUBPROCESS:
            return DbtResult(outcome.exit_code == 0, nodes, outcome.output)
        return DbtResult(outcome.success, nodes, str(outcome.exception or ""))

    @property
    def handle_exception(self) -> Callable[[DbtResult], None]:
        """What Cosmos calls with the result: nothing yet, since :meth:`execute` tells of it first."""
        return lambda _: None

    def _raise_for(self, result: DbtResult) -> None:
        unique_id = self.extra_context["dbt_node_config"]["unique_id"]
        # The project's on-run-start and on-run-end hooks are in the results too, as operations.
        ran = [node.unique_id for node in result.nodes if not node.unique_id.startswith("operation.")]
        if ran and ran != [unique_id]:
            raise AirflowFailException(f"dbt ran {', '.join(ran)} and not {unique_id} alone; rename it.")
        for node in result.nodes:
            if node.failed:
                error = AirflowFailException if node.permanent else AirflowException
                raise error(f"{node.unique_id}: {node.status}: {node.message}")
        if not result.success:
            raise AirflowException(f"dbt did not get to run {unique_id}: {result.error}")
        if not ran:
            raise AirflowFailException(
                f"dbt ran nothing for {unique_id} (--select {self.select}); "
                "the project has changed since the DAG was drawn, or the node is disabled for this target."
            )

    def calculate_openlineage_events_completes(self, *args: Any, **kwargs: Any) -> bool:
        """Lineage of the node, where Airflow's OpenLineage provider is installed to send it.

        Elsewhere nothing would read it, and it costs a task a third of a second.
        """
        if find_spec("airflow.providers.openlineage") is None:
            return False
        return bool(super().calculate_openlineage_events_completes(*args, **kwargs))

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Fill in the fields, and leave Airflow none to store yet."""
        super().render_template_fields(context, jinja_env)
        self.template_fields = ()

    def execute(self, context: Any, **_: Any) -> None:
        """Run the node, tell of it on the task's page, report it if it warned, and fail if it failed."""
        context_merge(context, self.extra_context)
        try:
            result = self.build_and_run_cmd(context=context, cmd_flags=self.add_cmd_flags())
            self._tell(context, result)
        finally:
            self.template_fields = type(self).template_fields
            # Airflow stores them at the task's end where this is set.
            self.overwrite_rtif_after_execution = True
        self._raise_for(result)

    def _tell(self, context: Any, result: DbtResult) -> None:
        config = self.extra_context["dbt_node_config"]
        for node in result.nodes:
            if node.unique_id != config["unique_id"]:
                continue
            tell(self, node, self._account, self._host)
            ti = context["ti"]
            ti.xcom_push(key=NODE_XCOM, value=row_of(node, config, ti))
            if node.status == "warn":
                from include.headrace.notify import notify_warning

                ti.xcom_push(key=WARNING_XCOM, value=node.failures)
                notify_warning(
                    context=context,
                    test_name=config["name"],
                    failures=node.failures,
                    compiled_sql=node.compiled_sql,
                    rows_query=rows_query(node),
                    message=node.message,
                )

    def on_kill(self) -> None:
        """Stop dbt and its queries with the task."""
        if self._runner is not None:
            self._runner.cancel()
        elif is_stock():
            super().on_kill()


class RunModel(OneNode, DbtRunLocalOperator):
    """``dbt run`` of one model; of one that is built in batches, of the window of event time given."""

    template_fields: Sequence[str] = (
        *OneNode.template_fields,
        "full_refresh",
        EVENT_TIME_START,
        EVENT_TIME_END,
    )

    def __init__(self, *, event_time_start: str = "", event_time_end: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event_time_start = event_time_start
        self.event_time_end = event_time_end

    def add_cmd_flags(self) -> list[str]:
        """Cosmos's flags, and the window's."""
        return [*super().add_cmd_flags(), *window_flags(self.event_time_start, self.event_time_end)]


class LoadSeed(OneNode, DbtSeedLocalOperator):
    """``dbt seed`` of one seed."""

    template_fields: Sequence[str] = (*OneNode.template_fields, "full_refresh")


class TakeSnapshot(OneNode, DbtSnapshotLocalOperator):
    """``dbt snapshot`` of one snapshot."""


class CheckFreshness(OneNode, DbtSourceLocalOperator):
    """``dbt source freshness`` of one table of a source."""


class RunTest(OneNode, DbtTestLocalOperator):
    """``dbt test`` of one data test or unit test."""


def notify_failure(context: Any) -> None:
    """Report a failed task; the notifier is loaded when it is needed."""
    from include.headrace.notify import notify_failure as report

    report(context)
