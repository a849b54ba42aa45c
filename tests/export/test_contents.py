from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from include.headrace.errors import PermanentError
from include.headrace.export.columns import ExportColumn, settled
from tests.export.conftest import Mart

COLUMNS = ("ID", "SMALL", "PRICE", "NAME", "DAY", "AT", "INSTANT", "GOOD", "SHARE", "RAW", "CLOCK", "DOC")
EVERY_TYPE = (
    "CREATE TABLE {t} (ID NUMBER(37,0), SMALL NUMBER(9,0), PRICE NUMBER(12,3), NAME VARCHAR, DAY DATE, "
    "AT TIMESTAMP_NTZ, INSTANT TIMESTAMP_TZ, GOOD BOOLEAN, SHARE FLOAT, RAW BINARY, CLOCK TIME, DOC VARIANT)"
)
FULL = (
    "INSERT INTO {t} SELECT 1234567890123456789012345678901234567, -7, 1.500, 'a', '2013-01-01'::DATE, "
    "'9999-12-31 23:59:59.123456'::TIMESTAMP_NTZ, '2013-01-01 00:30:00 -05:00'::TIMESTAMP_TZ, TRUE, 0.1, "
    "TO_BINARY('00FF', 'HEX'), '10:20:30'::TIME, PARSE_JSON('[1, null]')"
)
EMPTY = "INSERT INTO {t} (ID) SELECT 1"


def test_every_type_keeps_its_value_in_both_files(mart: Mart) -> None:
    for statement in (EVERY_TYPE, FULL, EMPTY):
        mart.sql(statement)
    manifest = mart.export("id").run()
    nothing = dict.fromkeys(
        ["SMALL", "PRICE", "NAME", "DAY", "AT", "INSTANT", "GOOD", "SHARE", "RAW", "CLOCK", "DOC"]
    )
    assert mart.parquet() == [
        {"ID": Decimal(1), **nothing},
        {
            "ID": Decimal("1234567890123456789012345678901234567"),
            "SMALL": -7,
            "PRICE": Decimal("1.500"),
            "NAME": "a",
            "DAY": date(2013, 1, 1),
            "AT": datetime(9999, 12, 31, 23, 59, 59, 123456),
            "INSTANT": datetime(2013, 1, 1, 5, 30, tzinfo=UTC),
            "GOOD": True,
            "SHARE": 0.1,
            "RAW": b"\x00\xff",
            "CLOCK": time(10, 20, 30),
            "DOC": "[1,null]",
        },
    ]
    header, first, second, end = mart.csv().split("\n")
    assert header == ",".join(f'"{name}"' for name in COLUMNS)
    assert (first, end) == ("1,,,,,,,,,,,", "")
    assert second == (
        '1234567890123456789012345678901234567,-7,1.500,"a",2013-01-01,9999-12-31 23:59:59.123456,'
        '2013-01-01 05:30:00.000000Z,true,0.1,"00ff",10:20:30.000000,"[1,null]"'
    )
    assert [column["type"] for column in manifest["columns"]][:4] == [
        "NUMBER(37,0)",
        "NUMBER(9,0)",
        "NUMBER(12,3)",
        "VARCHAR",
    ]


def test_text_that_csv_could_mistake_comes_back_as_it_was(mart: Mart) -> None:
    texts = [
        "",
        "a,b",
        'say "no"',
        '"',
        "two\nlines",
        "\r\n",
        "ÅŒ漢字🛩",
        "NULL",
        "=1+1",
        " edge ",
        '"\n"',
        "'",
    ]
    mart.sql("CREATE TABLE {t} (ID NUMBER(9,0), NAME VARCHAR)")
    session = mart.open_session()
    statement = f'INSERT INTO SHOP.MARTS."{mart.name}" VALUES (?, ?)'
    session.insert(statement, list(enumerate([*texts, None])))
    session.close()
    manifest = mart.export("ID").run()
    assert manifest["rows"] == len(texts) + 1
    assert [row["NAME"] for row in mart.parquet()] == [*texts, None]
    # By another reader of CSV, which does not tell NULL from nothing.
    read = list(csv.reader(io.StringIO(mart.csv(), newline="")))
    assert [row[1] for row in read[1:]] == [*texts, ""]
    assert mart.csv().startswith('"ID","NAME"\n0,""\n1,"a,b"\n')
    assert mart.csv().endswith(f"\n{len(texts)},\n")


def test_both_files_hold_the_same_rows_in_the_same_order(mart: Mart) -> None:
    mart.sql("CREATE TABLE {t} (ID NUMBER(18,0), NAME VARCHAR)")
    mart.sql(
        "INSERT INTO {t} SELECT SEQ4() % 1000, 'n' || (SEQ4() % 7)::VARCHAR"
        " FROM TABLE(GENERATOR(ROWCOUNT => 70000))"
    )
    [counted] = mart.sql("SELECT COUNT(*) AS ROWS_, SUM(ID) AS TOTAL FROM {t}")
    manifest = mart.export("ID").run()
    assert manifest["rows"] == counted["rows_"] == 70000
    folder = mart.folder
    files = manifest["files"]
    parquet = pq.read_table(folder / files["parquet"]["path"])
    text = pa_csv.read_csv(folder / files["csv"]["path"])
    assert text.cast(parquet.schema).equals(parquet)
    rows = [(row["ID"], row["NAME"]) for row in parquet.to_pylist()]
    assert rows == sorted(rows)
    assert sum(number for number, _ in rows) == counted["total"]
    assert {file["rows"] for file in files.values()} == {70000}
    for file in files.values():
        content = (folder / file["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])


def test_exporting_again_gives_the_same_bytes(mart: Mart) -> None:
    mart.sql("CREATE TABLE {t} (ID NUMBER(9,0), NAME VARCHAR)")
    mart.sql("INSERT INTO {t} VALUES (2, 'b'), (1, 'b'), (1, 'a'), (NULL, 'z')")
    first = mart.export("ID").run()
    mart.sql("DELETE FROM {t} WHERE ID = 1")
    mart.sql("INSERT INTO {t} VALUES (1, 'a'), (1, 'b')")
    second = mart.export("ID").run()
    assert first["version"] != second["version"]
    hashes = [[file["sha256"] for file in run["files"].values()] for run in (first, second)]
    assert hashes[0] == hashes[1]
    assert [row["NAME"] for row in mart.parquet()] == ["a", "b", "b", "z"]


def test_a_mart_without_rows_gives_files_without_rows(mart: Mart) -> None:
    mart.sql(EVERY_TYPE)
    manifest = mart.export().run()
    assert (manifest["rows"], mart.parquet()) == (0, [])
    assert mart.csv().count("\n") == 1
    assert len(pq.read_schema(mart.folder / manifest["files"]["parquet"]["path"])) == 12


def test_a_time_that_the_files_cannot_hold_is_refused() -> None:
    rows = pa.table({"AT": pa.array([1], pa.timestamp("ns"))})
    column = ExportColumn("AT", "TIMESTAMP_NTZ", pa.timestamp("us"))
    with pytest.raises(PermanentError, match=r"Column AT .* round or cast it in the model"):
        settled(rows, [column])


def test_the_manifest_names_its_query_and_run(mart: Mart) -> None:
    mart.sql("CREATE TABLE {t} (ID NUMBER(9,0))")
    mart.export("ID").run()
    manifest = json.loads((mart.folder / "manifest.json").read_text())
    history = mart.sql(
        "SELECT QUERY_TEXT FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY())"
        f" WHERE QUERY_ID = '{manifest['query_id']}'"
    )
    assert [row["query_text"][:11] for row in history] == ['SELECT "ID"']
    assert (manifest["run_id"], manifest["relation"]) == ("manual__1", f"SHOP.MARTS.{mart.name}")
    assert datetime.fromisoformat(manifest["exported_at"]).utcoffset() is not None
