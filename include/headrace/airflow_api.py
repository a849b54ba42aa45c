"""A client of Airflow's public REST API (v2): what the demo and the commands ask of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import httpx

from include.headrace.errors import HeadraceError

TIMEOUT_SECONDS = 60
PAGE = 1000


class AirflowApiError(HeadraceError):
    """Airflow's API could not be reached, or refused a request."""


class RefusedError(AirflowApiError):
    """Airflow refused a request; ``status`` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class AirflowApi:
    """One Airflow, by its address and an access token.

    ``direct`` keeps requests to this machine away from the proxies of the environment.
    """

    def __init__(self, url: str, token: str | None = None, *, direct: bool = False) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS, trust_env=not direct)
        if token:
            self._client.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        """One request; the reply's JSON, or None when it has no body.

        Raises RefusedError with Airflow's own explanation when it is not a 2xx, AirflowApiError when
        there is no reply.
        """
        try:
            reply = self._client.request(method, path, json=body, params=parameters)
        except httpx.HTTPError as error:
            raise AirflowApiError(
                f"Airflow at {self.url} does not answer ({error}); is it running?"
            ) from error
        if reply.is_error:
            message = f"Airflow refused {method} {path} with {reply.status_code}: {reply.text[:500]}"
            raise RefusedError(message, reply.status_code)
        return reply.json() if reply.content else None

    def answers(self) -> bool:
        """True once the API server replies, to a person and to tasks.

        Its part for tasks is made at the first request for it, which takes seconds.
        """
        try:
            paths = ("/api/v2/version", "/execution/health")
            return all(self._client.get(path).is_success for path in paths)
        except httpx.HTTPError:
            return False

    def login(self, user: str, password: str) -> None:
        """Get an access token for a user, and use it from now on."""
        reply = self.call("POST", "/auth/token", {"username": user, "password": password})
        self._client.headers["Authorization"] = f"Bearer {reply['access_token']}"

    def set_pools(self, slots: Mapping[str, int], description: str) -> None:
        """Make pools, or give those that exist their slots."""
        pools = [
            {"name": name, "slots": count, "description": description, "include_deferred": False}
            for name, count in slots.items()
        ]
        action = {"action": "create", "entities": pools, "action_on_existence": "overwrite"}
        result = self.call("PATCH", "/api/v2/pools", {"actions": [action]})
        errors = (result.get("create") or {}).get("errors") or []
        if errors:
            raise AirflowApiError(f"Airflow at {self.url} could not make the pools: {errors}")

    def dags(self) -> dict[str, dict[str, Any]]:
        """The DAGs that Airflow knows and that still exist, by id."""
        found = self.call("GET", "/api/v2/dags", limit=PAGE)["dags"]
        return {dag["dag_id"]: dag for dag in found}

    def unpause(self, dag_ids: Sequence[str]) -> None:
        """Let DAGs run."""
        for dag_id in dag_ids:
            self.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False}, update_mask="is_paused")

    def import_errors(self) -> list[dict[str, Any]]:
        """What could not be parsed: ``filename``, ``timestamp`` and ``stack_trace`` of each."""
        errors: list[dict[str, Any]] = self.call("GET", "/api/v2/importErrors", limit=PAGE)["import_errors"]
        return errors

    def trigger(self, dag_id: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Start a run with values for the DAG's parameters; its id."""
        body = {"logical_date": None, "conf": dict(parameters or {})}
        run = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
        return str(run["dag_run_id"])

    def runs(self, dag_ids: Sequence[str], **filters: Any) -> list[dict[str, Any]]:
        """Runs of some DAGs, newest first, filtered as the API's ``dagRuns/list`` does."""
        body = {"dag_ids": list(dag_ids), "page_limit": PAGE, "order_by": "-run_after", **filters}
        runs: list[dict[str, Any]] = self.call("POST", "/api/v2/dags/~/dagRuns/list", body)["dag_runs"]
        return runs

    def fail_run(self, dag_id: str, run_id: str) -> None:
        """Mark a run, and what of its tasks is not done, as failed."""
        self.call("PATCH", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", {"state": "failed"})

    def parse_again(self, dag: Mapping[str, Any]) -> None:
        """Have the file of a DAG, given as :meth:`dags` returns it, parsed without waiting for its turn."""
        with ignored(HTTPStatus.CONFLICT):  # asked for already
            self.call("PUT", f"/api/v2/parseDagFile/{dag['file_token']}")

    def forget_queued_assets(self, dag_id: str) -> None:
        """Forget the asset events that wait for others before they start a DAG."""
        with ignored(HTTPStatus.NOT_FOUND):  # there are none
            self.call("DELETE", f"/api/v2/dags/{dag_id}/assets/queuedEvents")

    def task_instances(self, run_ids: Sequence[str]) -> list[dict[str, Any]]:
        """The task instances of some runs."""
        found: list[dict[str, Any]] = []
        while True:
            body = {"dag_run_ids": list(run_ids), "page_limit": PAGE, "page_offset": len(found)}
            page = self.call("POST", "/api/v2/dags/~/dagRuns/~/taskInstances/list", body)
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return found

    def tasks_with_xcom(self, dag_id: str, run_id: str, key: str) -> set[str]:
        """The ids of the tasks of a run that pushed an XCom of this name."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/~/xcomEntries"
        entries = self.call("GET", path, xcom_key=key, limit=PAGE)["xcom_entries"]
        return {entry["task_id"] for entry in entries}

    def log(self, task: Mapping[str, Any]) -> list[str]:
        """The lines of the log of a task instance's last try."""
        run = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
        path = f"{run}/taskInstances/{task['task_id']}/logs/{max(task['try_number'], 1)}"
        content = self.call("GET", path, map_index=task["map_index"], full_content=True)["content"]
        return [_line(entry) for entry in content]


@contextmanager
def ignored(status: HTTPStatus) -> Iterator[None]:
    """Take one way of being refused for an answer."""
    try:
        yield
    except RefusedError as error:
        if error.status != status:
            raise


def _line(entry: Any) -> str:
    """One entry of a log as a line: what happened, and the error when there is one."""
    if isinstance(entry, str):
        return entry
    text = str(entry.get("event", ""))
    for error in entry.get("error_detail") or []:
        text += f"\n{error.get('exc_type')}: {error.get('exc_value')}"
    return text
