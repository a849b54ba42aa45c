"""Nested Arrow columns (lists, structs, maps) as JSON text, exact to the last digit.

Built column by column from Arrow's own text of each leaf, since Python's values would lose
nanoseconds and the difference between a decimal and a float.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from include.headrace.readers import json_text
from include.headrace.readers.values import Conversion, Faults


def is_nested(kind: pa.DataType) -> bool:
    """True for a type that lands as JSON."""
    return bool(pa.types.is_nested(kind))


def converter(name: str) -> Conversion:
    """The conversion of a nested column to JSON text, with the rows that JSON or a VARIANT cannot hold."""
    check = json_text.checker(name)

    def convert(array: pa.Array) -> tuple[pa.Array, Faults]:
        texts = _texts_or_none(array)
        valid = array.is_valid().to_pylist()
        result, faults = check(
            pa.array([text if ok else None for text, ok in zip(texts, valid, strict=True)], pa.string())
        )
        bad = [row for row, text in enumerate(texts) if text is None]
        return result, {**faults, **dict.fromkeys(bad, f"{name}: it holds text that is not UTF-8")}

    return convert


def _texts_or_none(array: pa.Array) -> Sequence[str | None]:
    """Each value as JSON, or None where text within it is not UTF-8.

    Such a value fails all of its array, which is halved until the values at fault stand alone.
    """
    try:
        return _texts(array)
    except UnicodeDecodeError:
        if len(array) == 1:
            return [None]
    half = len(array) // 2
    return [*_texts_or_none(array.slice(0, half)), *_texts_or_none(array.slice(half))]


def _texts(array: pa.Array) -> list[str]:
    """Each value of the array as JSON. NULL is ``null``."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _texts(array.storage)
    if pa.types.is_dictionary(kind):
        return _texts(array.cast(kind.value_type))
    if pa.types.is_struct(kind):
        return _structs(array)
    if pa.types.is_map(kind):
        return _maps(array)
    if pa.types.is_fixed_size_list(kind):
        return _texts(array.cast(pa.list_(kind.value_type)))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _lists(array)
    return _leaves(array)


def _leaves(array: pa.Array) -> list[str]:
    kind = array.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind):
        return [_plain(text) for text in array.cast(pa.string()).to_pylist()]
    if pa.types.is_floating(kind):
        # Python's repr is the shortest text that reads back as the same double; it writes NaN and
        # infinities in a way that the check of the JSON refuses.
        return [json.dumps(value) for value in array.cast(pa.float64()).to_pylist()]
    if pa.types.is_decimal(kind):
        return [_plain(text) for text in array.cast(pa.string()).to_pylist()]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return [json.dumps(None if value is None else value.hex().upper()) for value in array.to_pylist()]
    return [json.dumps(text, ensure_ascii=False) for text in array.cast(pa.string()).to_pylist()]


def _plain(text: str | None) -> str:
    return "null" if text is None else text


def _structs(array: pa.StructArray) -> list[str]:
    keys = [json.dumps(field.name, ensure_ascii=False) for field in array.type]
    columns = [_texts(column) for column in array.flatten()]
    rows = zip(*columns, strict=True) if columns else iter([()] * len(array))
    texts = [
        "{" + ",".join(f"{key}:{text}" for key, text in zip(keys, row, strict=True)) + "}" for row in rows
    ]
    return _with_nulls(array, texts)


def _lists(array: pa.ListArray) -> list[str]:
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_pylist()
    items = iter(_texts(array.flatten()))
    texts = ["[" + ",".join(next(items) for _ in range(length)) + "]" for length in lengths]
    return _with_nulls(array, texts)


def _maps(array: pa.MapArray) -> list[str]:
    """A map with text keys is an object; any other is a list of {"key": ..., "value": ...}."""
    entries = array.cast(pa.list_(pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])))
    flat = entries.flatten()
    keys, items = (_texts(column) for column in flat.flatten()) if len(flat) else ([], [])
    text_keys = pa.types.is_string(array.type.key_type) or pa.types.is_large_string(array.type.key_type)
    lengths = pc.fill_null(pc.list_value_length(entries), 0).to_pylist()
    texts, at = [], 0
    for length in lengths:
        pairs = list(zip(keys[at : at + length], items[at : at + length], strict=True))
        at += length
        if text_keys:
            texts.append("{" + ",".join(f"{key}:{item}" for key, item in pairs) + "}")
        else:
            texts.append("[" + ",".join(f'{{"key":{key},"value":{item}}}' for key, item in pairs) + "]")
    return _with_nulls(array, texts)


def _with_nulls(array: pa.Array, texts: list[str]) -> list[str]:
    if not array.null_count:
        return texts
    return [text if ok else "null" for text, ok in zip(texts, array.is_valid().to_pylist(), strict=True)]
