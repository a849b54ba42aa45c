"""What every kind of source in ``include/sources/*.yml`` has: one file a source system.

The file's name without ``.yml`` is the source's name, its schema in RAW and its DAG's name.
Rules that hold between fields look at the values as written, before they are converted, so that
one reading of a file reports every error in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic import ModelWrapValidatorHandler as Handler
from pydantic.json_schema import SkipJsonSchema

from include.headrace.config import durations, rules, values
from include.headrace.config.errors import Problem, problems_of, validation_error

Disposition = Literal["append", "merge", "replace"]
Contract = Literal["evolve", "freeze", "discard"]

Text = Annotated[str, Field(min_length=1)]
Tag = Annotated[str, Field(min_length=1, max_length=100)]
ColumnType = Annotated[str, AfterValidator(values.column_type)]
ConnectionId = Annotated[Text, AfterValidator(values.connection_id)]
Duration = Annotated[
    timedelta,
    BeforeValidator(durations.parse_duration),
    WithJsonSchema(
        {"type": "string", "pattern": durations.PATTERN, "examples": ["10m", "2h", "1d", "PT10M"]}
    ),
]
PositiveDuration = Annotated[Duration, AfterValidator(rules.positive)]
Readers = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=16,
        description="For a large table: how many readers share it, in one snapshot. Each takes a place of "
        "the source's `concurrency`. What cannot be shared, such as a view or a single CSV file, has one.",
    ),
]
"""A field only of tables whose reader can split them."""


class Model(BaseModel):
    """Base of every model here: unknown fields are errors, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def _problems(cls, data: Mapping[str, Any]) -> list[Problem]:
        """What is wrong between the fields of ``data``, the values as written."""
        return []

    @model_validator(mode="wrap")
    @classmethod
    def _all_problems(cls, data: Any, handler: Handler[Self]) -> Self:
        found = cls._problems(data) if isinstance(data, Mapping) else []
        try:
            made = handler(data)
        except ValidationError as error:
            found = [*problems_of(cls, error), *found]
        if found:
            raise validation_error(cls, found)
        return made


AnyLimit = Annotated[
    int | str | None,
    BeforeValidator(values.row_limit),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": values.SHARE, "examples": ["5%"]},
            ]
        }
    ),
]
"""A number of rows, or a share of them as text."""


class Schedule(Model):
    """When a source is loaded: exactly one of `cron`, `interval` and `assets`."""

    cron: Annotated[str, AfterValidator(values.cron)] | None = Field(
        default=None, description="A cron expression of five fields, or a preset such as @daily."
    )
    interval: PositiveDuration | None = Field(
        default=None, description="The time from one load to the next, such as 30m, 1h or PT1H."
    )
    assets: tuple[Text, ...] = Field(
        default=(),
        description="Assets to wait for, such as raw.operations: the source loads once all have news.",
    )
    timezone: Annotated[str, AfterValidator(values.timezone)] = Field(
        default="UTC", description="The IANA time zone in which `cron` is read, such as America/New_York."
    )

    @classmethod
    def _problems(cls, data: Mapping[str, Any]) -> list[Problem]:
        return rules.schedule(data)


def _schedule(value: object) -> object:
    return {"cron": value} if isinstance(value, str) else value


CronText = Annotated[
    str, Field(description="A cron expression or preset, in UTC.", examples=["@daily", "0 6 * * *"])
]
AnySchedule = Annotated[
    Schedule | None, BeforeValidator(_schedule, json_schema_input_type=CronText | Schedule | None)
]


class Deletes(Model):
    """How a load of a merged table finds rows that are deleted in the source, and what becomes of them."""

    marker: Text | None = Field(
        default=None,
        description="A column of the source that says that a row is deleted: it is true (BOOLEAN), or not "
        "NULL (a time). Of documents, a column named in `columns`.",
    )
    compare_keys: bool = Field(
        default=False,
        strict=True,
        description="Each load also reads the keys of the whole table; rows in RAW whose key is not among "
        "them are deleted. For PostgreSQL, MySQL and MongoDB.",
    )
    action: Literal["mark", "remove"] = Field(
        default="mark",
        description="mark keeps the row and puts the load's time into _DELETED_AT, until the row comes back; "
        "remove deletes it.",
    )

    @classmethod
    def _problems(cls, data: Mapping[str, Any]) -> list[Problem]:
        return rules.deletes(data)


class Table(Model):
    """What every kind of table has."""

    model_config = ConfigDict(json_schema_extra=rules.table_schema)

    comparable: ClassVar[bool] = False
    """Whether the source can be asked for the keys of all its rows alone."""

    name: Text = Field(
        description="The table's name in the source. In RAW: upper case, other characters as underscores."
    )
    primary_key: tuple[Text, ...] = Field(
        default=(), description="The columns that together tell a row from every other. Needed to merge."
    )
    cursor: Text | None = Field(
        default=None,
        description="The column that grows when a row is new or changed, such as updated_at. With it, "
        "each load reads only what came since the last. For append and merge.",
    )
    overlap: Duration = Field(
        default=timedelta(0),
        description="How far before the last load's end to read again, for rows that were committed late. "
        "Needs a cursor that is a time, and to append also a primary key.",
    )
    disposition: Disposition = Field(
        default="replace",
        description="What a load does to the table: replace it, append the new rows, or merge them by key.",
    )
    contract: Contract = Field(
        default="evolve",
        description="What new columns do: evolve adds them and widens types, freeze fails the load, discard "
        "leaves them out.",
    )
    deletes: Deletes | None = Field(
        default=None,
        description="How rows that are deleted in the source are found. For merge; without it they stay.",
    )
    max_shrink: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)] = Field(
        default=0.5,
        description="The share of its rows, over 0 to 1, that a table of at least 100 rows may lose in one "
        "load. A load that takes more, or leaves no row, fails; with 1 none does. For replace and "
        "compare_keys.",
    )
    max_quarantined: AnyLimit = Field(
        default=None,
        description="How many rows of a load may be set aside before it fails: a number of rows, or a share "
        "such as 5%. Without it: 10%, and always 100 rows.",
    )
    exclude: tuple[Text, ...] = Field(default=(), description="Columns of the source to leave out.")
    tags: tuple[Tag, ...] = Field(default=(), description="Tags to find the table's tasks by.")
    limit: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="For prototyping: read at most this many rows. Ignored in prod."
    )
    sample: Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)] | None = Field(
        default=None,
        description="For prototyping: read about this share of the rows, over 0 to 1. Ignored in prod.",
    )
    window: PositiveDuration | None = Field(
        default=None,
        description="For prototyping: read only rows whose cursor is not older than this. Ignored in prod.",
    )

    @classmethod
    def _problems(cls, data: Mapping[str, Any]) -> list[Problem]:
        return rules.table(data, comparable=cls.comparable)


class Source(Model):
    """What every kind of source has. ``name`` comes from the file's name, not from the file."""

    name: Annotated[str, AfterValidator(values.source_name), SkipJsonSchema()] = Field(
        description="The file's name without .yml."
    )
    schedule: AnySchedule = Field(
        default=None,
        description="When to load: a cron expression or preset, a mapping with cron and timezone, with "
        "interval, or with assets. Without it the source is loaded by hand only.",
    )
    tags: tuple[Tag, ...] = Field(default=(), description="Tags to find the source's DAG by.")
    concurrency: Annotated[int, Field(strict=True, ge=1)] = Field(
        default=rules.CONCURRENCY,
        description="How many readers may read the source at the same time: a table has one, or as many as "
        "its `readers`.",
    )

    @classmethod
    def _problems(cls, data: Mapping[str, Any]) -> list[Problem]:
        return rules.source(data)
