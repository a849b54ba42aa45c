"""Documents as rows: values taken out into columns of their own, and the whole document as VARIANT.

A document is JSON text, kept as the source wrote it: nothing is parsed into numbers and written
again, so no digit is lost on the way to PARSE_JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import msgspec
import pyarrow as pa

from include.headrace.config import DocumentTable
from include.headrace.errors import SourceError
from include.headrace.readers import json_text
from include.headrace.readers.pieces import convert
from include.headrace.readers.text_types import declared
from include.headrace.readers.values import Conversion, Faults, keep, landing

PAYLOAD = "payload"

Unwrap = Callable[[bytes], bytes]
"""From the JSON of a value to the JSON of what it stands for, such as a date's ISO text for
``{"$date": ...}``."""

_Fields = dict[str, msgspec.Raw]
_decode_fields = msgspec.json.Decoder(_Fields).decode


class DocumentRows:
    """The rows of one table of documents: the columns taken out, then ``payload``.

    ``unwrap`` is applied to each value taken out that is an object. Raises SourceError when `exclude`
    names a field that a column is taken from.
    """

    def __init__(self, table: DocumentTable, unwrap: Unwrap | None = None) -> None:
        self._unwrap = unwrap
        self._exclude = frozenset(table.exclude)
        self._key = frozenset(table.primary_key)
        columns = table.taken_out()
        self._names = list(columns)
        self._paths = [(column.path or name).split(".") for name, column in columns.items()]
        self._variant = [column.type == "VARIANT" for column in columns.values()]
        for name, path in zip(self._names, self._paths, strict=True):
            if path[0] in self._exclude:
                raise SourceError(
                    f"`exclude` of {table.name!r} leaves out {path[0]!r}, which the column {name!r} is taken "
                    "from; correct the source file."
                )
        made = [declared(name, column.type) for name, column in columns.items()]
        self.schema = pa.schema([*(field for field, _ in made), landing(PAYLOAD, pa.string(), "VARIANT")])
        self._conversions: list[Conversion] = [*(conversion for _, conversion in made), keep]

    def convert(self, texts: Sequence[str]) -> tuple[pa.RecordBatch, Faults]:
        """A row a document, and the rows (from 0) that cannot be carried, each with the reason.

        What stands in a row at fault is of no account: it is set aside whole.
        """
        faults: Faults = {}
        columns: list[list[str | None]] = [[] for _ in self._names]
        payloads: list[str] = []
        for row, text in enumerate(texts):
            values, payload, reason = self._taken_apart(text)
            if reason:
                faults[row] = reason
            for column, value in zip(columns, values, strict=True):
                column.append(value)
            payloads.append(payload)
        rows, not_converted = self.assembled(columns, pa.array(payloads, pa.string()))
        return rows, {**not_converted, **faults}

    def assembled(
        self, columns: Sequence[Sequence[str | None]], payloads: pa.Array
    ) -> tuple[pa.RecordBatch, Faults]:
        """The rows of values already taken out, as text in the schema's order, and of their payloads.

        Says which rows (from 0) cannot be carried, each with the reason.
        """
        arrays = [*(pa.array(column, pa.string()) for column in columns), payloads]
        return convert(arrays, self._conversions, self.schema)

    def _taken_apart(self, text: str) -> tuple[list[str | None], str, str | None]:
        """The values of the columns, the payload, and what is wrong with the document, if anything is."""
        nothing: list[str | None] = [None] * len(self._names)
        reason = json_text.fault(text)
        if reason:
            return nothing, "null", reason
        try:
            fields = _decode_fields(text)
        except msgspec.ValidationError:
            return nothing, "null", "the document is no object"
        values: list[str | None] = []
        for name, path, is_variant in zip(self._names, self._paths, self._variant, strict=True):
            value, wrong = self._text(_at(fields, path), is_variant)
            if value is None and name in self._key and wrong is None:
                wrong = "the key has no value"
            if wrong is not None:
                reason = f"{reason}; {name}: {wrong}" if reason else f"{name}: {wrong}"
            values.append(value)
        return values, self._payload(text, fields), reason

    def _payload(self, text: str, fields: _Fields) -> str:
        if self._exclude.isdisjoint(fields):
            return text
        kept = {name: value for name, value in fields.items() if name not in self._exclude}
        return msgspec.json.encode(kept).decode()

    def _text(self, raw: bytes | None, is_variant: bool) -> tuple[str | None, str | None]:
        """A value as the text that its column is read from, or what is wrong with it."""
        if raw is None:
            return None, None
        if raw[:1] == b"{" and self._unwrap is not None:
            raw = self._unwrap(raw)
        if raw == b"null":
            return None, None
        if is_variant:
            return raw.decode(), None
        if raw[:1] in (b"{", b"["):
            what = "an object" if raw[:1] == b"{" else "a list"
            return None, f"holds {what}; give the column the type VARIANT, or a path below it"
        return (json.loads(raw) if raw[:1] == b'"' else raw.decode()), None


def _at(fields: _Fields, path: Sequence[str]) -> bytes | None:
    """The JSON of the value at a path; None where nothing stands there."""
    found = fields.get(path[0])
    for name in path[1:]:
        if found is None:
            return None
        try:
            found = _decode_fields(found).get(name)
        except msgspec.ValidationError:
            return None
    return None if found is None else bytes(found).strip()
