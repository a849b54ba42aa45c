"""UUIDs of sixteen bytes as text, a whole column at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LENGTH = 36
HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)
PLACES = (0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34)
"""Where the two digits of each byte stand among the dashes (RFC 9562, section 4)."""


def uuid_texts(column: pa.FixedSizeBinaryArray) -> pa.StringArray:
    """Sixteen bytes a value as text such as ``123e4567-e89b-12d3-a456-426614174000``; NULL stays NULL."""
    count = len(column)
    if not count:
        return pa.array([], pa.string())
    data = np.frombuffer(column.buffers()[1], np.uint8)
    values = data[column.offset * 16 : (column.offset + count) * 16].reshape(count, 16)
    texts = np.full((count, LENGTH), ord("-"), np.uint8)
    for byte, place in enumerate(PLACES):
        texts[:, place : place + 2] = HEX[values[:, byte]]
    offsets = np.arange(0, (count + 1) * LENGTH, LENGTH, dtype=np.int32)
    valid = column.is_valid()
    whole = pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(texts))
    return pc.if_else(valid, whole, None) if column.null_count else whole
