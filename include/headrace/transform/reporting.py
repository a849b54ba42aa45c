"""What a task's page tells of the dbt node that it ran: its SQL, its rows, its query, its failing rows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from include.headrace.transform.result import NodeResult

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

OUTCOME = "outcome"
"""The rendered field that says what a task did."""

SNOWSIGHT = "https://app.snowflake.com"
SNOWFLAKE_HOSTS = ".snowflakecomputing.com"

log = logging.getLogger(__name__)


class Page(Protocol):
    """The fields of an operator that its task's page shows once it has run."""

    compiled_sql: str
    outcome: dict[str, Any] | None
    query_page: str
    operator_extra_links: Any


class QueryPage(BaseOperatorLink):
    """The button that leads from a task to its query in Snowflake."""

    name = "Query in Snowflake"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address that :func:`tell` left on the operator; empty where there is none."""
        return str(getattr(operator, "query_page", ""))


def tell(page: Page, node: NodeResult, account: str, host: str) -> None:
    """Put what a node did on its task's page and at the end of its log.

    The rendered fields get ``compiled_sql`` and ``outcome``; a query of a real account gets a button. All
    of it is kept when the task then fails. ``account`` and ``host`` are those that dbt was given.
    """
    page.compiled_sql = fitting(node.compiled_sql)
    page.query_page = query_page(account, host, node.query_id)
    page.outcome = outcome_of(node, page.query_page)
    if not page.query_page:
        # Each link costs the task a request, and this one would lead nowhere.
        page.operator_extra_links = ()
    log.info("%s: %s", node.unique_id, ", ".join(_facts(node, page.query_page)))
    if page.compiled_sql != node.compiled_sql:
        log.info("Its SQL, whole:\n%s", node.compiled_sql)
    if query := rows_query(node):
        log.info("The rows that the test found are kept; this reads them:\n%s", query)


def outcome_of(node: NodeResult, page: str) -> dict[str, Any]:
    """What a node did, as the rendered field ``outcome`` shows it; what is not known is left out."""
    facts = {
        "status": node.status,
        "message": node.message,
        "failing_rows": node.failures if node.is_test else None,
        "failing_rows_query": rows_query(node),
        "relation": "" if node.is_test else node.relation,
        "rows": node.rows,
        "bytes": node.bytes,
        "seconds": node.seconds,
        "query_id": node.query_id,
        "query": page,
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def rows_query(node: NodeResult) -> str:
    """The statement that reads the rows a test found; empty unless it keeps them (``store_failures``)."""
    return f"select * from {node.relation}" if node.is_test and node.relation and node.failures else ""


def query_page(account: str, host: str, query_id: str) -> str:
    """The page of a query in Snowsight; empty without a query and for what is not Snowflake itself.

    ``account`` is what a connection names: ``<organization>-<account>``, or a locator with its region such
    as ``xy12345.eu-central-1``, which is left out for AWS's us-west-2 (Snowflake documentation, "Account
    identifiers"). An account's name holds underscores, which a host name writes as hyphens.
    """
    if not query_id or not account or (host and not host.endswith(SNOWFLAKE_HOSTS)):
        return ""
    known = account.lower().removesuffix(".privatelink")
    organization, hyphen, name = known.partition("-")
    locator, _, region = known.partition(".")
    if hyphen and "." not in organization:
        place = f"{organization}/{name.replace('-', '_')}"
    else:
        place = f"{region or 'us-west-2'}/{locator}"
    return f"{SNOWSIGHT}/{place}/#/compute/history/queries/{query_id}/detail"


def fitting(sql: str) -> str:
    """The SQL, cut with a word on it where Airflow would cut it: a rendered field has a greatest length.

    It is Airflow's ``[core] max_templated_field_length``, in characters.
    """
    limit = conf.getint("core", "max_templated_field_length")
    if len(sql) <= limit:
        return sql
    note = f"\n-- ... {len(sql):,} characters in all; the task's log has them."
    return sql[: max(limit - len(note), 0)] + note


def _facts(node: NodeResult, page: str) -> list[str]:
    facts = [node.status]
    if node.is_test and node.failures:
        facts.append(f"{node.failures:,} failing rows")
    if node.rows is not None:
        facts.append(f"{node.rows:,} rows")
    if node.bytes is not None:
        facts.append(f"{node.bytes:,} bytes")
    facts.append(f"{node.seconds:.2f} s")
    if node.query_id:
        facts.append(f"query {node.query_id}")
    return [*facts, page] if page else facts
