"""How the API behaves: its rate limit, the life of its tokens, and how it fails on demand.

``PUT /control`` with the header ``X-Control-Key`` says how the API behaves from now on; what it leaves
out is again as at the start. ``GET /control`` tells that, and how many requests each path had since. The key
is in the file ``secrets.json`` of the server's folder. Such a body, for a page that fails twice and an
answer that breaks off after the third request, is::

    {"requests_per_second": 20, "token_seconds": 30, "faults": [
        {"kind": "status", "status": 503, "retry_after": "1", "path": "/v1", "times": 2},
        {"kind": "drop", "path": "/graphql", "after": 3}]}

Every fault has ``path`` (requests whose path begins so), ``after`` (how many of them pass first) and
``times`` (how many fail then; null for ever). The kinds are the classes below.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeVar

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every kind of fault has."""

    path: str = "/"
    after: int = 0
    times: int | None = 1


class Status(Fault, frozen=True, kw_only=True, tag="status"):
    """The answer is an error with this status, and with Retry-After where that is given."""

    status: int = 500
    retry_after: str | None = None


class Delay(Fault, frozen=True, kw_only=True, tag="delay"):
    """The answer takes so many seconds longer."""

    seconds: float


class Drop(Fault, frozen=True, kw_only=True, tag="drop"):
    """The connection is closed in the middle of the answer's body."""


class ExpireTokens(Fault, frozen=True, kw_only=True, tag="expire_tokens"):
    """Before the request is looked at, every token given so far expires."""


class EmptyPage(Fault, frozen=True, kw_only=True, tag="empty_page"):
    """The page has no records. By cursor, what it would have had comes with the next page."""


class RepeatCursor(Fault, frozen=True, kw_only=True, tag="repeat_cursor"):
    """The page names itself as the next one."""


class NullCursor(Fault, frozen=True, kw_only=True, tag="null_cursor"):
    """The page does not tell its cursor, though there is more."""


class GraphqlError(Fault, frozen=True, kw_only=True, tag="graphql_error"):
    """An error of one field in an answer of status 200, with ``extensions.code`` where ``code`` is given.

    It is the last record's with ``beside_data``, so that the page's other records stand beside it;
    else the whole connection's, and ``data`` is null.
    """

    message: str = "This record cannot be read."
    code: str | None = None
    beside_data: bool = True


AnyFault = Status | Delay | Drop | ExpireTokens | EmptyPage | RepeatCursor | NullCursor | GraphqlError
FaultT = TypeVar("FaultT", bound=Fault)


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``PUT /control`` takes. ``requests_per_second`` of null is no limit."""

    requests_per_second: float | None = 50.0
    token_seconds: int = 3600
    faults: tuple[AnyFault, ...] = ()


class Controls:
    """The behaviour now, and what was asked since it was set."""

    def __init__(self, start: Behaviour) -> None:
        self._start = start
        self.set(start)

    def set(self, behaviour: Behaviour) -> None:
        """Behave so from now on."""
        self.behaviour = behaviour
        self.requests: Counter[str] = Counter()
        self._seen = [0] * len(behaviour.faults)

    def read(self, body: bytes) -> Behaviour:
        """The behaviour that a request asks for. Raises msgspec.DecodeError (or its ValidationError)."""
        given = msgspec.json.decode(body, type=dict[str, Any])
        return msgspec.convert({**msgspec.to_builtins(self._start), **given}, Behaviour)

    def faults_of(self, path: str) -> list[Fault]:
        """The faults of a request for this path, which is counted."""
        self.requests[path] += 1
        found: list[Fault] = []
        for number, fault in enumerate(self.behaviour.faults):
            if path.startswith(fault.path):
                self._seen[number] += 1
                turn = self._seen[number] - fault.after
                if turn > 0 and (fault.times is None or turn <= fault.times):
                    found.append(fault)
        return found


def of_kind(faults: list[Fault], kind: type[FaultT]) -> FaultT | None:
    """The first of the faults that is of this kind."""
    return next((fault for fault in faults if isinstance(fault, kind)), None)
