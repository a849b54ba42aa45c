"""What a notification says: the facts of a failed task or a test that warned, without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from include.headrace.settings import environment

MAX_LINES = 20
"""Lines of an error that are told; the log has the rest."""

MAX_CHARACTERS = 3000
"""Characters of an error or a statement that are told. Slack cuts a message at 40,000."""

_SECRETS = (
    # A login in a URL.
    (re.compile(r"(?<=://)[^/\s@]+@"), "***@"),
    # Pairs such as password=..., as drivers put them in their errors.
    (
        re.compile(
            r"(?i)\b(\w*(?:password|passwd|pwd|token|secret|private_key|api_?key|access_key)[\"']?\s*[=:]\s*)"
            r"(\"[^\"]*\"|'[^']*'|[^\s,;&)]+)"
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 ***"),
)


def without_secrets(text: str) -> str:
    """The text with every secret that Airflow knows, and everything shaped like one, as ``***``."""
    from airflow.sdk.log import redact  # type: ignore[attr-defined]

    masked = str(redact(text))
    for pattern, replacement in _SECRETS:
        masked = pattern.sub(replacement, masked)
    return masked


def shortened(text: str, lines: int | None = MAX_LINES) -> str:
    """The first lines of a text; masked before it is cut, so that no half of a secret is left."""
    masked = without_secrets(text).strip()
    kept = "\n".join(masked.splitlines()[:lines])[:MAX_CHARACTERS]
    return kept if kept == masked else f"{kept}\n... (the task's log has the rest)"


@dataclass(frozen=True)
class Notice:
    """One notification. ``event`` is ``failure`` or ``warning``; unknown facts are empty."""

    event: str
    environment: str
    dag_id: str
    task_id: str
    run_id: str
    try_number: int | None
    log_url: str
    error: str = ""
    test_name: str = ""
    failures: int | None = None
    compiled_sql: str = ""
    rows_query: str = ""

    @property
    def subject(self) -> str:
        """One line: what happened, where."""
        where = f"{self.dag_id}.{self.task_id}" if self.task_id else self.dag_id
        if self.event == "warning":
            found = f"{self.failures} rows" if self.failures else self.error
            return f"[{self.environment}] {self.test_name} warned: {found} in {where}"
        return f"[{self.environment}] {where} failed"

    @property
    def text(self) -> str:
        """The whole message, as plain text."""
        facts = [self.subject, f"run: {self.run_id}"]
        if self.try_number is not None:
            facts.append(f"try: {self.try_number}")
        if self.log_url:
            facts.append(f"log: {self.log_url}")
        kept = f"The rows are kept: {self.rows_query}" if self.rows_query else ""
        error = "" if self.error in self.subject else self.error
        return "\n".join([*facts, *filter(None, [error, kept, self.compiled_sql])])

    def as_dict(self) -> dict[str, Any]:
        """The message and its facts, as JSON-ready values."""
        return {"text": self.text, **asdict(self)}


def failure_notice(context: Mapping[str, Any]) -> Notice:
    """The notice of a failed task or run, from the context Airflow gives an on_failure_callback."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        told = f"{type(error).__name__}: {error}"
    else:
        told = str(error or context.get("reason") or "")
    return Notice(event="failure", error=shortened(told), **_facts(context))


def warning_notice(
    context: Mapping[str, Any],
    test_name: str,
    failures: int,
    compiled_sql: str,
    rows_query: str = "",
    message: str = "",
) -> Notice:
    """The notice of a dbt test that found rows, or a freshness that is too old, and only warns.

    ``failures`` counts the rows; ``rows_query`` reads them where the test keeps them. ``message`` is dbt's.
    """
    return Notice(
        event="warning",
        error=shortened(message),
        test_name=test_name,
        failures=failures,
        # What dbt compiles has many lines that say nothing: its length alone is bounded.
        compiled_sql=shortened(compiled_sql, lines=None),
        rows_query=rows_query,
        **_facts(context),
    )


def _facts(context: Mapping[str, Any]) -> dict[str, Any]:
    instance = context.get("ti") or context.get("task_instance")
    dag_id = getattr(instance, "dag_id", None) or getattr(context.get("dag"), "dag_id", "")
    task_id = str(getattr(instance, "task_id", ""))
    map_index = getattr(instance, "map_index", None)
    if isinstance(map_index, int) and map_index >= 0:
        task_id = f"{task_id}[{map_index}]"
    return {
        "environment": environment(),
        "dag_id": str(dag_id),
        "task_id": task_id,
        "run_id": str(context.get("run_id") or getattr(instance, "run_id", "")),
        "try_number": getattr(instance, "try_number", None),
        "log_url": without_secrets(str(getattr(instance, "log_url", ""))),
    }
