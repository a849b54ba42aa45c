"""Documents of MongoDB as rows: from BSON to relaxed Extended JSON, and the columns taken out of it.

Documents of one shape are done a field at a time (see ``mongo_shaped``); this is what becomes of the rest.
libbson writes the JSON, with 20 digits for every number that is not whole, which no double has. So the
text is parsed and written once more, each number with the fewest digits that give the same double. Some
documents are done at once, and one by one where anything is out of the ordinary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bson
import bson.errors
import bsonjs
import msgspec
import numpy as np
import pyarrow as pa
from bson.codec_options import CodecOptions, DatetimeConversion

from include.headrace.config import DocumentTable
from include.headrace.readers import json_text, mongo_regex
from include.headrace.readers.documents import DocumentRows
from include.headrace.readers.mongo_shaped import ShapedRows, Taken
from include.headrace.readers.mongo_texts import in_order
from include.headrace.readers.mongo_values import column_text, encode
from include.headrace.readers.values import Faults, shown

Document = dict[str, Any]

_decode = msgspec.json.Decoder(Document).decode
_decode_lines = msgspec.json.Decoder(Document).decode_lines
_encode_lines = msgspec.json.Encoder().encode_lines

AT_ONCE = 256
"""How many documents are Python objects at a time: of many more, the collector of garbage looks at each
again and again."""

LENIENT: CodecOptions[Document] = CodecOptions(
    unicode_decode_error_handler="backslashreplace", datetime_conversion=DatetimeConversion.DATETIME_MS
)
"""For looking at a document that may be broken."""


class MongoRows:
    """The rows of a collection. Raises SourceError when `exclude` names what a column is taken from."""

    def __init__(self, table: DocumentTable) -> None:
        self._rows = DocumentRows(table)
        self.schema = self._rows.schema
        self._columns = [
            Taken(name, tuple((column.path or name).split(".")), column.type, name in table.primary_key)
            for name, column in table.taken_out().items()
        ]
        self._shaped = ShapedRows(self._columns)

    def convert(self, documents: Sequence[bytes]) -> tuple[pa.RecordBatch, Faults]:
        """A row a BSON document, and the rows (from 0) that cannot be carried, each with the reason."""
        parts, rest = self._shaped.of(documents)
        faults: Faults = {}
        if len(rest) or not parts:
            texts, wrong = self._one_by_one([documents[row] for row in rest.tolist()])
            parts.append((rest, texts))
            faults = {int(rest[row]): reason for row, reason in wrong.items()}
        numbers = [rows for rows, _ in parts]
        arrays = [
            in_order(list(column), numbers) for column in zip(*(texts for _, texts in parts), strict=True)
        ]
        rows, not_converted = self._rows.assembled(arrays[:-1], arrays[-1])
        return rows, {**not_converted, **faults}

    def _one_by_one(self, documents: Sequence[bytes]) -> tuple[list[pa.Array], Faults]:
        """The columns' texts and the payloads of documents of any shape, and what is wrong with them."""
        lines: list[bytes] = []
        columns: list[list[str | None]] = [[] for _ in self._columns]
        faults: Faults = {}
        for first in range(0, len(documents), AT_ONCE):
            parsed, text, wrong = _parsed(documents[first : first + AT_ONCE])
            lines.append(text)
            for taken, texts in zip(self._columns, columns, strict=True):
                for row, reason in _take(parsed, taken, texts).items():
                    wrong[row] = f"{wrong[row]}; {reason}" if row in wrong else reason
            faults.update({first + row: reason for row, reason in wrong.items()})
        return [*(pa.array(texts, pa.string()) for texts in columns), _array(b"".join(lines))], faults


def _take(documents: Sequence[Document | None], taken: Taken, texts: list[str | None]) -> Faults:
    """Add a column's values to ``texts``. The rows are those of these documents alone."""
    faults: Faults = {}
    for row, document in enumerate(documents):
        value: Any = document
        for step in taken.path:
            # A list on the way, or nothing at all.
            value = value.get(step) if type(value) is dict else None
        text, wrong = column_text(value, taken.kind)
        if text is None and wrong is None and taken.is_key and document is not None:
            wrong = "the key has no value"
        if wrong is not None:
            faults[row] = f"{taken.name}: {wrong}"
        texts.append(text)
    return faults


def _parsed(documents: Sequence[bytes]) -> tuple[Sequence[Document | None], bytes, Faults]:
    """BSON documents as Python objects and as lines of JSON. Those at fault are None and ``null``."""
    try:
        source = "\n".join([bsonjs.dumps(document) for document in documents])
        parsed = _decode_lines(source)
        lines = _encode_lines(parsed)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return _one_by_one(documents)
    # A key that occurs twice is parsed into one: a colon, or more, is then missing.
    if source.count(":") != lines.count(b":") or b"\\u0000" in lines or mongo_regex.TAG in source:
        return _one_by_one(documents)
    return parsed, lines, {}


def _one_by_one(documents: Sequence[bytes]) -> tuple[Sequence[Document | None], bytes, Faults]:
    faults: Faults = {}
    parsed: list[Document | None] = []
    for row, document in enumerate(documents):
        found, reason = _one(document)
        if reason is not None:
            faults[row] = reason
        parsed.append(found)
    return parsed, _encode_lines(parsed), faults


def _one(document: bytes) -> tuple[Document | None, str | None]:
    """One document, or why a VARIANT cannot hold it."""
    try:
        text = bsonjs.dumps(document)
        found = _decode(text)
        written = encode(found)
    except RecursionError:
        return None, "it is nested too deeply"
    except (ValueError, msgspec.MsgspecError):
        return None, "it is no valid BSON; a text in it may not be UTF-8"
    lost = mongo_regex.lost_options(document, found) if mongo_regex.TAG in text else None
    if lost is not None:
        return None, f"a regular expression has the options {shown(lost)}, which JSON would lose"
    if text.count(":") == written.count(b":") and b"\\u0000" not in written:
        return found, None
    # The numbers are as libbson writes them, which is no fault of the document.
    reason = json_text.fault(text, numbers=False)
    return (found, None) if reason is None else (None, reason)


def _array(lines: bytes) -> pa.Array:
    """Lines of JSON as an array of texts, without their newlines: JSON writes those in a text as ``\\n``."""
    data = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))
    kept = np.delete(data, ends)
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(kept))


def record_text(document: bytes) -> str:
    """A document as a record set aside shows it: JSON, or Python's text of one that is broken."""
    try:
        return bsonjs.dumps(document)
    except ValueError:
        return _shown(document)


def _shown(document: bytes) -> str:
    try:
        return str(bson.decode(document, LENIENT))
    except bson.errors.InvalidBSON:
        return document.hex()


def key_text(document: bytes) -> str | None:
    """A document's ``_id`` for a position: the text that a VARCHAR column would hold, else its JSON."""
    try:
        found = bson.decode(document, LENIENT)
    except bson.errors.InvalidBSON:
        return None
    if "_id" not in found:
        return None
    [value] = _decode(bsonjs.dumps(bson.encode({"_id": found["_id"]}))).values()
    text, wrong = column_text(value, "VARCHAR")
    return encode(value).decode() if wrong is not None else text
