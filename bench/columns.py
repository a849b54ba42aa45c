"""The columns of the bench's tables: their types in each server, and how a file's values are compared.

Peers write one value in different types (a UUID as text or as 16 bytes, a number as decimal or text).
``same`` is an expression of DuckDB that is equal for equal values, whatever the file's type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["integer", "decimal", "double", "boolean", "date", "timestamp", "text", "uuid", "json"]

POSTGRES = {
    "integer": "bigint",
    "double": "double precision",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
    "text": "text",
    "uuid": "uuid",
    "json": "jsonb",
}

MYSQL = {
    "integer": "bigint",
    "double": "double",
    "boolean": "tinyint(1)",
    "date": "date",
    "timestamp": "datetime(6)",
    "text": "varchar(500)",
    "uuid": "char(36)",
    "json": "json",
}

SNOWFLAKE = {
    "integer": "NUMBER(19,0)",
    "double": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ",
    "text": "VARCHAR",
    "uuid": "VARCHAR",
    "json": "VARCHAR",
}


@dataclass(frozen=True)
class Column:
    """A column and the DuckDB expression that makes its values from the row's number ``i``.

    ``digits`` are a decimal's precision and scale; ``fields`` the fields of a JSON document. ``path`` is
    where the value stands in a row that a peer keeps as a document whole, if not under the column's name.
    """

    name: str
    kind: Kind
    made: str = ""
    digits: tuple[int, int] = (0, 0)
    fields: tuple[str, ...] = ()
    path: str = ""

    @property
    def postgres(self) -> str:
        """The column's type in PostgreSQL."""
        return self._decimal("numeric") or POSTGRES[self.kind]

    @property
    def mysql(self) -> str:
        """The column's type in MySQL and MariaDB."""
        return self._decimal("decimal") or MYSQL[self.kind]

    def _decimal(self, name: str) -> str:
        return f"{name}({self.digits[0]},{self.digits[1]})" if self.kind == "decimal" else ""

    @property
    def snowflake(self) -> str:
        """The column's type as a source file gives it for a CSV file."""
        return self._decimal("NUMBER") or SNOWFLAKE[self.kind]

    def within(self, payload: str) -> str:
        """The value in a column of whole documents, as text."""
        path = self.path or f'$."{self.name}"'
        return f""""{payload}"::JSON ->> '{path}'"""

    def same(self, found: str) -> str:
        """What of the value is compared, from a column of a file whose DuckDB type is ``found``.

        A value that does not convert is NULL here, which is no value of the reference's.
        """
        name = f'"{self.name}"'
        if found == "BLOB" and self.kind != "uuid":
            name = f"decode({name})"
        match self.kind:
            case "integer":
                return f"try_cast({name} AS HUGEINT)"
            case "decimal":
                return f"try_cast({name} AS DECIMAL({self.digits[0]},{self.digits[1]}))"
            case "double":
                return f"try_cast({name} AS DOUBLE)"
            case "boolean":
                return f"try_cast({name} AS BOOLEAN)"
            case "date":
                return f"try_cast({name} AS DATE)"
            case "timestamp":
                # A date-time without a zone is UTC's: so are the session's.
                return f"epoch_us(try_cast({name} AS TIMESTAMPTZ))"
            case "uuid":
                return (
                    f"lower(hex({name}))" if found == "BLOB" else f"replace(lower({name}::VARCHAR), '-', '')"
                )
            case "json":
                parts = [f"try_cast({name} AS JSON) ->> '{_path(field)}'" for field in self.fields]
                return f"[{', '.join(parts)}]"
        return f"{name}::VARCHAR"

    def exact_types(self) -> tuple[str, ...]:
        """How DuckDB types of a file begin that carry this kind without loss; none says any may."""
        return ("DECIMAL", "VARCHAR", "BLOB") if self.kind == "decimal" else ()


def _path(field: str) -> str:
    return field if field.startswith("$") else f"$.{field}"
