"""Tables of documents: key columns beside the whole document as VARIANT. MongoDB is one such source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from include.headrace.config import rules
from include.headrace.config.databases import DatabaseSource
from include.headrace.config.errors import Problem
from include.headrace.config.models import ColumnType, Model, Readers, Table, Text


class DocumentColumn(Model):
    """A value taken out of each document into a column of its own."""

    path: Text | None = Field(
        default=None,
        description="Where the value stands in the document, such as station.code. Without it: the field "
        "of the column's name.",
    )
    type: ColumnType = Field(
        default="VARCHAR", description="The column's Snowflake type, such as NUMBER(10,0) or TIMESTAMP_TZ."
    )


def _column(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


AnyColumn = Annotated[
    DocumentColumn, BeforeValidator(_column, json_schema_input_type=ColumnType | DocumentColumn)
]


class DocumentTable(Table):
    """Documents of one shape or of many: the columns named here, and `payload`, the whole document."""

    columns: dict[Text, AnyColumn] = Field(
        default={},
        description="Values to take out of each document: a name with a Snowflake type, or with path and "
        "type. The key's fields are taken out as VARCHAR without being named here; a cursor's type must be "
        "given. The whole document lands in `payload` (VARIANT).",
    )

    @classmethod
    def _problems(cls, data: Mapping[str, Any]) -> list[Problem]:
        return [*super()._problems(data), *rules.document(data)]

    def taken_out(self) -> dict[str, DocumentColumn]:
        """The columns beside the payload, in order: the key's, the cursor, then the others."""
        names = [*self.primary_key, *([self.cursor] if self.cursor else []), *self.columns]
        return {name: self.columns.get(name, DocumentColumn()) for name in dict.fromkeys(names)}


class MongoTable(DocumentTable):
    """A collection of MongoDB. Documents land as relaxed Extended JSON (v2)."""

    comparable: ClassVar[bool] = True

    database: Text | None = Field(
        default=None,
        description="The database that holds the collection. Without it, the one that the connection names.",
    )
    readers: Readers = 1


class MongoSource(DatabaseSource):
    """A MongoDB server or cluster."""

    kind: Literal["mongo"] = Field(description="The kind of the source system.")
    tables: tuple[MongoTable, ...] = Field(
        json_schema_extra={"minItems": 1}, description="The collections to load."
    )
