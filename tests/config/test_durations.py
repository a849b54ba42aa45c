from __future__ import annotations

import re
from datetime import timedelta

import pytest

from include.headrace.config.durations import PATTERN, parse_duration

FORMS = [
    ("10m", timedelta(minutes=10)),
    ("2h", timedelta(hours=2)),
    ("1d", timedelta(days=1)),
    ("2w", timedelta(days=14)),
    ("45s", timedelta(seconds=45)),
    ("0s", timedelta(0)),
    ("1h30m", timedelta(minutes=90)),
    ("PT10M", timedelta(minutes=10)),
    ("P1D", timedelta(days=1)),
    ("P1DT2H", timedelta(hours=26)),
    ("P2W", timedelta(days=14)),
]


@pytest.mark.parametrize(("text", "expected"), FORMS)
def test_short_and_iso_forms_are_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(("text", "expected"), FORMS)
def test_the_pattern_for_editors_takes_what_the_parser_takes(text: str, expected: timedelta) -> None:
    assert re.search(PATTERN, text)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1", "m", "1 h", "-1h", "1h2d", "1y", "P1Y", "P1M", "1.5h", "9999999d"]
)
def test_other_text_is_refused_with_the_forms_that_work(text: str) -> None:
    with pytest.raises(ValueError, match="10m, 2h, 1d, 1h30m, or in ISO 8601"):
        parse_duration(text)


@pytest.mark.parametrize("number", [0, 90, 1.5, True])
def test_a_bare_number_is_refused_because_it_has_no_unit(number: float) -> None:
    with pytest.raises(ValueError, match="without a unit"):
        parse_duration(number)
