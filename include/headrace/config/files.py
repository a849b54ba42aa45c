"""Sources that are files: CSV, JSON and Parquet, in a folder or an object store."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from include.headrace.config import values
from include.headrace.config.documents import DocumentTable
from include.headrace.config.models import ColumnType, ConnectionId, Readers, Source, Table, Text

Location = Annotated[Text, AfterValidator(values.location)]
Glob = Annotated[str, AfterValidator(values.relative_glob)]
Encoding = Annotated[str, AfterValidator(values.encoding)]

LOCATION = (
    "The folder or URL that holds the files, such as s3://bucket/folder; a relative folder begins at the "
    "project's root. ${NAME} stands for an environment variable and ${NAME:-default} for one with a "
    "default, so that one file serves a laptop and a deployment. Nothing else is replaced, and a variable "
    "without value and default is an error."
)
PATH = "A pattern below `location` for the table's files, such as flights-*.parquet."
ENCODING = "The files' text encoding, such as utf-8, latin-1 or cp1252."


class FileTable(Table):
    """Files of one shape, found by a glob below the source's location and read in name order."""

    path: Glob = Field(description=PATH)
    readers: Readers = 1


class CsvTable(FileTable):
    """CSV files. A column lands as VARCHAR unless `columns` gives it a type."""

    delimiter: Annotated[str, AfterValidator(values.delimiter)] = Field(
        default=",", description="The one character between two fields."
    )
    encoding: Encoding = Field(default="utf-8", description=ENCODING)
    null_values: tuple[str, ...] = Field(
        default=("",), description="Texts that mean that there is no value. By default the empty one."
    )
    columns: dict[Text, ColumnType] = Field(
        default={}, description="Snowflake types of columns, such as NUMBER(10,0), DATE or TIMESTAMP_NTZ."
    )


class JsonTable(DocumentTable):
    """JSON files: a document a line (NDJSON), or one list of documents a file."""

    path: Glob = Field(description=PATH)
    readers: Readers = 1
    format: Literal["lines", "list"] = Field(
        default="lines",
        description="lines: a document a line, also called NDJSON or JSON Lines. list: one JSON value a file "
        "that is, or holds at `records`, a list of documents.",
    )
    records: Text | None = Field(
        default=None,
        description="For format list: where the list stands in the file's value, such as data.items. Without "
        "it, the value itself is the list.",
    )
    encoding: Encoding = Field(default="utf-8", description=ENCODING)


class FileSource(Source):
    """Files in a folder or an object store."""

    location: Location = Field(description=LOCATION)
    connection: ConnectionId | None = Field(
        default=None, description="The id of the Airflow connection for the object store, if it needs one."
    )


class CsvSource(FileSource):
    """CSV files in a folder or an object store."""

    kind: Literal["csv"] = Field(description="The kind of the source system.")
    tables: tuple[CsvTable, ...] = Field(json_schema_extra={"minItems": 1}, description="The tables to load.")


class JsonSource(FileSource):
    """JSON files in a folder or an object store."""

    kind: Literal["json"] = Field(description="The kind of the source system.")
    tables: tuple[JsonTable, ...] = Field(
        json_schema_extra={"minItems": 1}, description="The tables to load."
    )


class ParquetSource(FileSource):
    """Parquet files in a folder or an object store."""

    kind: Literal["parquet"] = Field(description="The kind of the source system.")
    tables: tuple[FileTable, ...] = Field(
        json_schema_extra={"minItems": 1}, description="The tables to load."
    )
