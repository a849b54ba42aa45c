"""Documents as rows: values taken out into columns of their own, and the whole document as VARIANT.

A document is JSON text, kept as the source wrote it: nothing is parsed into numbers and written
again, so no digit is lost on the way to PARSE_JSON.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pyarrow as pa

from include.headrace.config import DocumentTable
from include.headrace.errors import SourceError
from include.headrace.readers import json_text
from include.headrace.readers.pieces import convert
from include.headrace.readers.text_types import declared
from include.headrace.readers.values import Conversion, Faults, keep, landing

PAYLOAD = "payload"

_Fields = dict[str, msgspec.Raw]
_decode_fields = msgspec.json.Decoder(_Fields).decode
_decode_text = msgspec.json.Decoder(str).decode


class DocumentRows:
    """The rows of one table of documents: the columns taken out, then ``payload``.

    Raises SourceError when `exclude` names a field that a column is taken from.
    """

    def __init__(self, table: DocumentTable) -> None:
        self._exclude = frozenset(table.exclude)
        columns = table.taken_out()
        self._taken = [
            (name, (column.path or name).split("."), column.type == "VARIANT", name in table.primary_key)
            for name, column in columns.items()
        ]
        for name, path, _, _ in self._taken:
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
        whole = pa.array(texts, pa.string())
        faults = json_text.faults(whole)
        columns: list[list[str | None]] = [[] for _ in self._taken]
        payloads: list[str] = []
        for row, text in enumerate(texts):
            if row in faults:
                text = "{}"
            try:
                fields = _decode_fields(text)
            except msgspec.ValidationError:
                faults[row] = "the document is no object"
                fields = {}
            reasons = self._take_out(fields, columns)
            if reasons and row not in faults:
                faults[row] = "; ".join(reasons)
            if self._exclude:
                payloads.append(self._payload(text, fields))
        payload = pa.array(payloads, pa.string()) if self._exclude else whole
        rows, not_converted = self.assembled(columns, payload)
        return rows, {**not_converted, **faults}

    def assembled(
        self, columns: Sequence[Sequence[str | None] | pa.Array], payloads: pa.Array
    ) -> tuple[pa.RecordBatch, Faults]:
        """The rows of values already taken out, as text in the schema's order, and of their payloads.

        Says which rows (from 0) cannot be carried, each with the reason.
        """
        arrays = [
            *(one if isinstance(one, pa.Array) else pa.array(one, pa.string()) for one in columns),
            payloads,
        ]
        return convert(arrays, self._conversions, self.schema)

    def _take_out(self, fields: _Fields, columns: list[list[str | None]]) -> list[str]:
        """Append the value of each column; what is wrong with them."""
        reasons = []
        for column, (name, path, is_variant, is_key) in zip(columns, self._taken, strict=True):
            value, wrong = self._text(_at(fields, path), is_variant)
            column.append(value)
            if value is None and is_key and wrong is None:
                wrong = "the key has no value"
            if wrong is not None:
                reasons.append(f"{name}: {wrong}")
        return reasons

    def _payload(self, text: str, fields: _Fields) -> str:
        if self._exclude.isdisjoint(fields):
            return text
        kept = {name: value for name, value in fields.items() if name not in self._exclude}
        return msgspec.json.encode(kept).decode()

    def _text(self, raw: bytes | None, is_variant: bool) -> tuple[str | None, str | None]:
        """A value as the text that its column is read from, or what is wrong with it."""
        if raw is None:
            return None, None
        if raw == b"null":
            return None, None
        if is_variant:
            return raw.decode(), None
        if raw[:1] in (b"{", b"["):
            what = "an object" if raw[:1] == b"{" else "a list"
            return None, f"holds {what}; give the column the type VARIANT, or a path below it"
        return (_decode_text(raw) if raw[:1] == b'"' else raw.decode()), None


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
