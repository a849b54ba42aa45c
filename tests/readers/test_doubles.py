"""Which decimal numbers a double holds: a FLOAT column and a VARIANT's exponents stand on it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from include.headrace.readers import json_text
from include.headrace.readers.doubles import is_double, rounded

HELD = [
    "0.1",
    # The same double with 17 digits, as printf("%.17g") writes it, and with all it has.
    "0.10000000000000001",
    "0.1000000000000000055511151231257827",
    "0.30000000000000004",
    "9007199254740992",
    "1e29",
    "-0.0",
    "0e-999",
    "5e-324",
    # The same as Java writes it.
    "4.9E-324",
    "1.7976931348623157e308",
]
LOST = ["9007199254740993", "123456789012345678", "1e-400", "3e-324", "0.12345678901234567890", "2.5e-324"]


def test_a_column_of_numbers_says_which_were_rounded() -> None:
    texts = pa.array([*HELD, None, "NaN", "-Infinity", *LOST])
    first = len(HELD) + 3
    assert rounded(texts, texts.cast(pa.float64())) == list(range(first, first + len(LOST)))


@pytest.mark.parametrize("text", HELD)
def test_a_double_s_own_texts_are_held(text: str) -> None:
    assert is_double(text)
    assert json_text.fault(text) is None


@pytest.mark.parametrize("text", [*LOST, "1e400", "1e99999999999999999999", "1E-99999999999999999999"])
def test_any_other_number_is_not(text: str) -> None:
    assert not is_double(text)


@pytest.mark.parametrize("text", ["1e400", "1e99999999999999999999", "1E-99999999999999999999", "3e-324"])
def test_json_with_a_number_that_no_double_holds_is_set_aside(text: str) -> None:
    assert json_text.fault(f'{{"a": [{text}]}}') == f"the number '{text}' would be rounded"
