from __future__ import annotations

import uuid

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from include.headrace.readers.uuids import uuid_texts


@given(st.lists(st.none() | st.uuids(), max_size=9), st.integers(0, 3))
def test_a_column_of_uuids_is_their_text(values: list[uuid.UUID | None], start: int) -> None:
    """A slice of a column, too, begins where it begins."""
    whole = pa.array([value and value.bytes for value in values], pa.binary(16))
    assert uuid_texts(whole[start:]).to_pylist() == [value and str(value) for value in values[start:]]
