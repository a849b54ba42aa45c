"""``POST /graphql``: airlines and weather as connections (GraphQL Cursor Connections Specification)."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
import strawberry
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from strawberry.types import ExecutionContext

from include.headrace.demo.api.answers import json_answer, problem
from include.headrace.demo.api.behaviour import Fault, GraphqlError, of_kind
from include.headrace.demo.api.paging import MOST_RECORDS, Cursor, part, read_cursor
from include.headrace.demo.api.records import STATION
from include.headrace.demo.api.records import Observation as Hour

NodeT = TypeVar("NodeT")


@dataclass(frozen=True)
class Context:
    """What a query's resolvers see."""

    airlines: list[dict[str, str]]
    hours: list[Hour]
    faults: list[Fault]


Info = strawberry.Info[Context, None]


@strawberry.type
class PageInfo:
    """Whether there is more, and where this page ends."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Edge(Generic[NodeT]):
    """A record and its place."""

    cursor: str
    record: strawberry.Private[NodeT]

    @strawberry.field
    def node(self) -> NodeT | None:
        """The record; null where it cannot be read, beside an error."""
        if isinstance(self.record, GraphQLError):
            raise self.record
        return self.record


@strawberry.type
class Connection(Generic[NodeT]):
    """A page of records."""

    edges: list[Edge[NodeT]]
    page_info: PageInfo
    total_count: int

    @strawberry.field
    def nodes(self) -> list[NodeT | None]:
        """The records without their places."""
        return [edge.record for edge in self.edges]


@strawberry.type
class Airline:
    """An airline."""

    code: str
    name: str


@strawberry.type
class Local:
    """An hour in New York's own time."""

    year: int
    month: int
    day: int
    hour: int


@strawberry.type
class Readings:
    """What was measured."""

    temperature_f: float | None
    dew_point_f: float | None
    humidity_percent: float | None
    wind_direction_degrees: float | None
    wind_speed_mph: float | None
    wind_gust_mph: float | None
    precipitation_in: float | None
    pressure_mbar: float | None
    visibility_miles: float | None


@strawberry.type
class Observation:
    """The weather of an hour."""

    station: str
    observed_at: str
    local: Local
    readings: Readings
    updated_at: str


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    def airlines(self, info: Info, first: int = 100, after: str | None = None) -> Connection[Airline]:
        """The airlines, ``first`` (at most 1000) of them after the cursor ``after``."""
        rows = info.context.airlines
        return _connection(info, len(rows), lambda at: Airline(**rows[at]), first, after)

    @strawberry.field
    def observations(
        self,
        info: Info,
        first: int = 100,
        after: str | None = None,
        station: str = STATION,
        updated_since: str | None = None,
        updated_before: str | None = None,
    ) -> Connection[Observation]:
        """The weather in order of ``updatedAt``, from ``updatedSince`` to before ``updatedBefore``."""
        if station != STATION:
            raise _refused(f"The station {station!r} is not known; it is {STATION}.")
        hours = info.context.hours
        begin = _place(hours, updated_since, 0)
        end = max(begin, _place(hours, updated_before, len(hours)))
        return _connection(info, end - begin, lambda at: _observation(hours[begin + at]), first, after)


def _connection(info: Info, total: int, made: Any, first: int, after: str | None) -> Any:
    if not 1 <= first <= MOST_RECORDS:
        raise _refused(f"first is {first}; ask for 1 to {MOST_RECORDS} records.")
    try:
        begin = Cursor() if after is None else read_cursor(after)
    except ValueError as error:
        raise _refused(str(error)) from None
    faults = info.context.faults
    page = part(total, begin, first, faults)
    edges = [Edge(cursor=Cursor(at + 1).text(), record=made(at)) for at in range(page.start, page.stop)]
    failing = of_kind(faults, GraphqlError)
    if failing is not None:
        raised = GraphQLError(failing.message, extensions={"code": failing.code} if failing.code else None)
        if not failing.beside_data or not edges:
            raise raised
        edges[-1].record = raised
    told = PageInfo(has_next_page=page.has_next, end_cursor=page.end.text() if page.end else None)
    return Connection(edges=edges, page_info=told, total_count=total)


def _observation(hour: Hour) -> Observation:
    fields = hour.fields
    return Observation(
        station=fields["station"],
        observed_at=fields["observedAt"],
        local=Local(**fields["local"]),
        readings=Readings(**{_snake(name): value for name, value in fields["readings"].items()}),
        updated_at=fields["updatedAt"],
    )


def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


def _place(hours: list[Hour], text: str | None, otherwise: int) -> int:
    """The number of the first hour updated at a moment or later."""
    if text is None:
        return otherwise
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _refused(f"{text!r} is no time in ISO 8601, such as 2013-07-01T00:00:00Z.") from None
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return bisect_left(hours, moment, key=lambda hour: hour.updated_at)


def _refused(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})


class Asked(msgspec.Struct):
    """A request's body."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = msgspec.field(name="operationName", default=None)


class _Schema(strawberry.Schema):
    """Logs what this API did wrong, but no error that is an answer."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        answered = (type(None), GraphQLError)
        own = [error for error in errors if not isinstance(error.original_error, answered)]
        super().process_errors(own, execution_context)


class GraphqlEndpoint:
    """Answers queries. Errors of a query come with status 200, as GraphQL over HTTP has it."""

    def __init__(self, airlines: list[dict[str, str]], hours: list[Hour]) -> None:
        self._airlines = airlines
        self._hours = hours
        self._schema = _Schema(Query)

    async def __call__(self, request: Request) -> Response:
        """The answer to a query that was let in; 400 for a body that holds none."""
        try:
            asked = msgspec.json.decode(await request.body(), type=Asked)
        except msgspec.DecodeError as error:
            return problem(400, "bad_request", f"The body is JSON with query and variables: {error}.")
        result = await self._schema.execute(
            asked.query,
            asked.variables,
            Context(self._airlines, self._hours, request.scope["faults"]),
            operation_name=asked.operation_name,
        )
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        return json_answer(answer)
