"""dbt in a warm worker process: for tasks that start cold."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from include.headrace import errors
from include.headrace.errors import HeadraceError, PassingError
from include.headrace.transform.result import DbtResult, read_nodes
from include.headrace.transform.warm_pool import Slot, free_slot

TRIES = 3
"""A worker may end between two runs, or be ending; a fresh one is then asked."""
log = logging.getLogger(__name__)


class WarmRunner:
    """Has a warm worker run dbt. The request, and with it every secret, goes through the socket alone."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` is where the workers are, by default those of this code."""
        self._folder = folder
        self._connection: socket.socket | None = None
        self._cancelled = False

    def run(self, args: list[str], env: Mapping[str, str], project_dir: Path, work_dir: Path) -> DbtResult:
        """See :meth:`include.headrace.transform.runner.DbtRunner.run`.

        Raises PassingError when the worker ends before dbt does.
        """
        request = {
            "args": args,
            "env": {name: str(value) for name, value in env.items()},
            "project_dir": str(project_dir),
            "work_dir": str(work_dir),
        }
        with free_slot(self._folder) as slot:
            for _ in range(TRIES):
                # Its end, of whatever cause, tells the worker to cancel what still runs.
                with slot.connect() as self._connection:
                    answers = _answers(self._connection, request)
                    first = next(answers, None)
                    if first is not None:
                        return self._outcome(answers, slot, first["worker"], work_dir)
        raise PassingError(f"No dbt worker of {slot.folder} takes a run; see {slot.log}.")

    def _outcome(
        self, answers: Iterator[dict[str, Any]], slot: Slot, worker: int, work_dir: Path
    ) -> DbtResult:
        if self._cancelled:
            self.cancel()
        for answer in answers:
            if "message" in answer:
                log.log(answer["level"], answer["message"])
            elif "raised" in answer:
                kind = getattr(errors, answer["raised"], HeadraceError)
                raise kind(answer["error"])
            else:
                return DbtResult(answer["success"], read_nodes(work_dir / "target"), answer["error"])
        raise PassingError(
            f"The dbt worker {worker} ended while it ran this task: it was killed, out of memory, or did not "
            f"stop when it was told to. See {slot.log}; the next try gets a new worker."
        )

    def cancel(self) -> None:
        """See :meth:`include.headrace.transform.runner.DbtRunner.cancel`."""
        self._cancelled = True
        if self._connection is not None and self._connection.fileno() >= 0:
            # A worker that is dead has nothing to cancel; the run tells of its end.
            with suppress(BrokenPipeError, ConnectionResetError):
                self._connection.sendall(b'{"cancel": true}\n')


def _answers(connection: socket.socket, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Send a request; gives each line of the answer until the worker ends it."""
    try:
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as lines:
            for line in lines:
                yield json.loads(line)
    except (BrokenPipeError, ConnectionResetError):
        return
