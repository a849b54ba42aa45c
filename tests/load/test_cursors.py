from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from include.headrace.cursors import earlier_by, later, span_of
from include.headrace.errors import ConfigError
from include.headrace.readers.base import Span

NTZ = "TIMESTAMP_NTZ(6)"
DAY = (datetime(2024, 5, 2, tzinfo=UTC), datetime(2024, 5, 3, tzinfo=UTC))
HOUR = timedelta(hours=1)
NONE = timedelta(0)


def span(
    column_type: str, watermark: str | None, overlap: timedelta, interval: object, backfill: bool = False
) -> Span:
    return span_of(
        column_type=column_type,
        watermark=watermark,
        overlap=overlap,
        interval=interval,  # type: ignore[arg-type]
        backfill=backfill,
    )


def test_the_first_load_without_an_interval_reads_everything() -> None:
    assert span(NTZ, None, HOUR, None) == Span(lower=None, lower_inclusive=True, upper=None)


def test_a_manual_run_reads_what_is_newer_than_the_watermark() -> None:
    assert span(NTZ, "2024-05-01 10:00:00.000000", NONE, None) == Span(
        lower="2024-05-01 10:00:00.000000", lower_inclusive=False, upper=None
    )


def test_an_overlap_moves_the_lower_bound_back_and_includes_it() -> None:
    assert span(NTZ, "2024-05-01 10:00:00", HOUR, None) == Span(
        lower="2024-05-01 09:00:00", lower_inclusive=True, upper=None
    )


def test_a_scheduled_run_reads_on_from_the_watermark_when_runs_were_missed() -> None:
    assert span(NTZ, "2024-04-20 00:00:00", NONE, DAY) == Span(
        lower="2024-04-20 00:00:00", lower_inclusive=True, upper="2024-05-03 00:00:00"
    )


def test_a_scheduled_run_reads_its_whole_interval_when_the_watermark_is_beyond_it() -> None:
    assert span(NTZ, "2024-05-09 00:00:00", NONE, DAY).lower == "2024-05-02 00:00:00"


def test_a_backfill_reads_its_interval_alone() -> None:
    assert span("TIMESTAMP_TZ(6)", "2024-04-20 00:00:00.000000Z", NONE, DAY, backfill=True) == Span(
        lower="2024-05-02 00:00:00+00:00", lower_inclusive=True, upper="2024-05-03 00:00:00+00:00"
    )


def test_a_number_is_read_from_its_watermark_whatever_the_interval() -> None:
    assert span("NUMBER(19,0)", "41", NONE, DAY) == Span(lower="41", lower_inclusive=False, upper=None)


def test_an_overlap_on_a_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a cursor that is a time"):
        earlier_by("41", HOUR, "NUMBER(19,0)")


@pytest.mark.parametrize(
    ("first", "second", "kind", "expected"),
    [
        ("9", "10", "NUMBER(19,0)", "10"),
        (
            "2024-05-01 10:00:00.000000Z",
            "2024-05-01 12:00:00+03:00",
            "TIMESTAMP_TZ(6)",
            "2024-05-01 10:00:00.000000Z",
        ),
        (None, "1", "NUMBER(5,0)", "1"),
        ("1", None, "NUMBER(5,0)", "1"),
    ],
)
def test_the_later_of_two_cursors_follows_their_type(
    first: str | None, second: str | None, kind: str, expected: str
) -> None:
    assert later(first, second, kind) == expected
