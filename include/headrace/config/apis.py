"""Sources that are HTTP APIs: REST and GraphQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator

from include.headrace.config import rules, values
from include.headrace.config.documents import DocumentTable
from include.headrace.config.errors import Problem
from include.headrace.config.models import ConnectionId, Model, Source, Text

HeaderName = Annotated[Text, AfterValidator(values.header_name)]
HeaderValue = Annotated[Text, AfterValidator(values.header_value)]
UrlPath = Annotated[Text, AfterValidator(values.url_path)]
PositiveInt = Annotated[int, Field(strict=True, ge=1)]
Scalar = Annotated[
    str | int | float | bool,
    PlainValidator(values.scalar, json_schema_input_type=str | int | float | bool),
]
Parameters = dict[Text, Scalar]


class NoAuth(Model):
    """Requests carry no secret."""

    type: Literal["none"] = Field(description="How requests are signed.")


class ApiKey(Model):
    """The connection's password goes with each request, in a header or a parameter."""

    type: Literal["api_key"] = Field(description="How requests are signed.")
    header: HeaderName | None = Field(
        default=None, description="The header that carries the key. Or give `parameter`."
    )
    parameter: Text | None = Field(
        default=None, description="The query parameter that carries the key. Or give `header`."
    )

    @classmethod
    def _problems(cls, data: Mapping[str, Any]) -> list[Problem]:
        return rules.one_of(data, ("header", "parameter"), "X-Api-Key")


class Bearer(Model):
    """The connection's password goes with each request as `Authorization: Bearer`."""

    type: Literal["bearer"] = Field(description="How requests are signed.")


class Basic(Model):
    """The connection's login and password go with each request as HTTP Basic."""

    type: Literal["basic"] = Field(description="How requests are signed.")


class ClientCredentials(Model):
    """OAuth 2 client credentials (RFC 6749, section 4.4): a token is fetched, kept and renewed.

    The connection's login is the client's id, its password the client's secret.
    """

    type: Literal["oauth2_client_credentials"] = Field(description="How requests are signed.")
    token_path: Text = Field(
        description="Where tokens are given: a path on the API's host, such as /oauth/token, or a whole URL."
    )
    scope: Text | None = Field(default=None, description="The scope to ask for, words joined by spaces.")
    audience: Text | None = Field(
        default=None, description="The audience to ask for, where a server wants one."
    )


Auth = Annotated[NoAuth | ApiKey | Bearer | Basic | ClientCredentials, Field(discriminator="type")]


class OnePage(Model):
    """The first answer holds everything."""

    type: Literal["none"] = Field(description="How the next page is asked for.")


class Sized(Model):
    """A page's size, where an API lets one choose it."""

    size_parameter: Text | None = Field(
        default=None, description="The parameter that says how many records a page has."
    )
    size: PositiveInt = Field(default=100, description="Records a page, sent in `size_parameter`.")

    @classmethod
    def _problems(cls, data: Mapping[str, Any]) -> list[Problem]:
        return rules.sized(data)


class PageNumber(Sized):
    """Pages are numbered. Without `pages`, two pages in a row without records are the end."""

    type: Literal["page"] = Field(description="How the next page is asked for.")
    parameter: Text = Field(default="page", description="The parameter that carries the page's number.")
    start: Annotated[int, Field(strict=True, ge=0)] = Field(default=1, description="The first page's number.")
    pages: Text | None = Field(
        default=None,
        description="Where an answer tells how many pages there are, such as meta.total_pages. With it the "
        "last page is known, however many before it are empty.",
    )


class Offset(Model):
    """Records are counted. Without `total`, two pages in a row without records are the end."""

    type: Literal["offset"] = Field(description="How the next page is asked for.")
    parameter: Text = Field(default="offset", description="The parameter that says how many records to skip.")
    limit_parameter: Text = Field(
        default="limit", description="The parameter that says how many records to give."
    )
    size: PositiveInt = Field(default=100, description="Records a page.")
    total: Text | None = Field(
        default=None,
        description="Where an answer tells how many records there are, such as meta.total. With it the "
        "reading ends there, and fails when it has another number of records by then.",
    )


class PageCursor(Sized):
    """Each answer holds what to ask for next. One where nothing, null, false or "" stands is the last."""

    type: Literal["cursor"] = Field(description="How the next page is asked for.")
    parameter: Text = Field(default="cursor", description="The parameter that carries the cursor.")
    next: Text = Field(description="Where an answer holds the next cursor, such as meta.next_cursor.")


class NextLink(Sized):
    """Each answer names the next page's URL, in its Link header (RFC 8288) or its body; the last does not."""

    type: Literal["link"] = Field(description="How the next page is asked for.")
    next: Text | None = Field(
        default=None,
        description="Where an answer's body holds the URL, such as links.next. Without it, the Link header "
        "is read.",
    )


Pagination = Annotated[OnePage | PageNumber | Offset | PageCursor | NextLink, Field(discriminator="type")]

PAGINATIONS: dict[object, type[Model]] = {
    "none": OnePage,
    "page": PageNumber,
    "offset": Offset,
    "cursor": PageCursor,
    "link": NextLink,
}


class Incremental(Model):
    """How an API is asked for what is new: the cursor's bounds go in parameters."""

    since: Text = Field(description="The parameter (GraphQL: the variable) for the lower bound, inclusive.")
    until: Text | None = Field(
        default=None,
        description="The parameter (GraphQL: the variable) for the upper bound, where there is one.",
    )
    format: Literal["iso", "date", "unix", "unix_ms"] = Field(
        default="iso",
        description="How a time is written: ISO 8601 in UTC, its date alone, or seconds or milliseconds "
        "since 1970. A cursor that is a number is sent as it is.",
    )


class ApiTable(DocumentTable):
    """Records of one endpoint."""

    headers: dict[HeaderName, HeaderValue] = Field(
        default={}, description="Headers to send. No secret belongs here."
    )
    incremental: Incremental | None = Field(
        default=None,
        description="How to ask for new records alone. Without it every record is read, and those outside "
        "the load's span are discarded.",
    )

    @classmethod
    def _problems(cls, data: Mapping[str, Any]) -> list[Problem]:
        return [*super()._problems(data), *rules.incremental(data)]


class RestTable(ApiTable):
    """An endpoint that gives records as JSON."""

    path: UrlPath = Field(description="The endpoint below the connection's address, such as /v1/orders.")
    parameters: Parameters = Field(default={}, description="Query parameters to send with each request.")
    records: Text | None = Field(
        default=None,
        description="Where the list of records stands in an answer, such as data.items. Without it, the "
        "answer itself is the list.",
    )
    pagination: Pagination = Field(
        default=OnePage(type="none"),
        description="How the next page is asked for. Without it, there is one page.",
    )

    @classmethod
    def _problems(cls, data: Mapping[str, Any]) -> list[Problem]:
        return [*super()._problems(data), *rules.told_apart(_parameters(data))]


def _parameters(data: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], object]]:
    """The fields of a table that name a parameter, each with the name, given or by default."""
    found: list[tuple[tuple[str | int, ...], object]] = []
    fixed, pagination, incremental = (
        value if isinstance(value, Mapping) else value.model_dump() if isinstance(value, Model) else {}
        for value in (data.get(field) for field in ("parameters", "pagination", "incremental"))
    )
    found += [(("parameters", name), name) for name in fixed]
    found += [(("incremental", field), incremental.get(field)) for field in ("since", "until")]
    kind = pagination.get("type")
    model = PAGINATIONS.get(kind) if isinstance(kind, str) else None
    for field, info in (model or Model).model_fields.items():
        if field.endswith("parameter"):
            found.append((("pagination", field), pagination.get(field, info.default)))
    return found


class GraphqlTable(ApiTable):
    """A query whose answer holds one connection (GraphQL Cursor Connections Specification)."""

    path: UrlPath = Field(default="/graphql", description="The endpoint below the connection's address.")
    query: Text = Field(
        description="The query. It takes $first: Int! and $after: String, passes them to the connection, and "
        "asks for its edges { node } (or nodes) and pageInfo { hasNextPage endCursor }."
    )
    records: Text = Field(
        description="Where the connection stands below data, such as airlines or shop.orders."
    )
    variables: dict[Text, Any] = Field(default={}, description="Further variables of the query.")
    size: PositiveInt = Field(default=100, description="Records a page, sent as $first.")


class ApiSource(Source):
    """An HTTP API."""

    connection: ConnectionId = Field(
        description="The id of the Airflow connection of type http: its host is the API's base URL, its "
        "login and password are what `auth` signs requests with."
    )
    auth: Auth = Field(default=NoAuth(type="none"), description="How requests are signed.")
    proxy: ConnectionId | None = Field(
        default=None,
        description="The id of an Airflow connection of type http: requests go through that HTTP proxy.",
    )
    requests_per_second: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = Field(
        default=None, description="At most this many requests a second, for each task that reads the API."
    )


class RestSource(ApiSource):
    """A REST API."""

    kind: Literal["rest"] = Field(description="The kind of the source system.")
    tables: tuple[RestTable, ...] = Field(
        json_schema_extra={"minItems": 1}, description="The endpoints to load."
    )


class GraphqlSource(ApiSource):
    """A GraphQL API."""

    kind: Literal["graphql"] = Field(description="The kind of the source system.")
    tables: tuple[GraphqlTable, ...] = Field(
        json_schema_extra={"minItems": 1}, description="The queries to load."
    )
