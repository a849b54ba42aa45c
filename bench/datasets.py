"""The data: tables of a fixed number of rows whose every value follows from the row's number."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bench.columns import Column

LINEITEM_ROWS_A_SCALE = 5_997_500
"""Rows of TPC-H's lineitem at scale 1, about: an order has one to seven (TPC-H, 4.2.5)."""


@dataclass(frozen=True)
class Dataset:
    """A table. ``key`` are the columns that tell a row from every other."""

    name: str
    title: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def fingerprint(self) -> str:
        """Eight digits that change with the definition, so that data of an older one is not taken for it."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:8]

    def table(self, rows: int) -> str:
        """The name of its table in a server, and of its files."""
        return f"{self.name}_{rows}_{self.fingerprint}"


def _text(length: int, salt: int) -> str:
    """Hexadecimal text of a length, another for each row."""
    return f"left(repeat(md5((i * 31 + {salt})::VARCHAR), {length // 32 + 1}), {length})"


KEY = Column("id", "integer", "i")

NARROW = Dataset(
    "narrow",
    "narrow (5 columns)",
    ("id",),
    (
        KEY,
        Column("amount", "integer", "(i * 7919) % 100000"),
        Column("ratio", "double", "(i % 9973) / 7.0"),
        Column("name", "text", _text(12, 1)),
        Column("day", "date", "DATE '2000-01-01' + (i % 9000)::INTEGER"),
    ),
)

WIDE = Dataset(
    "wide",
    "wide (13 columns)",
    ("id",),
    (
        KEY,
        Column("customer", "integer", "(i * 7919) % 1000003"),
        Column("price", "decimal", "((i * 104729) % 1000000000)::DECIMAL(12,0) * 0.01", (12, 2)),
        Column("rate", "decimal", "((i * 15485863) % 1000000000000)::DECIMAL(12,0) * 0.000001", (20, 6)),
        Column("score", "double", "(i % 99991) / 13.0"),
        Column("active", "boolean", "i % 3 = 0"),
        Column("day", "date", "DATE '1990-01-01' + (i % 12000)::INTEGER"),
        Column(
            "changed",
            "timestamp",
            "TIMESTAMP '2015-01-01' + to_microseconds((i * 86413000137) % 300000000000000)",
        ),
        Column("code", "uuid", f"({_text(32, 2)})::UUID"),
        Column("name", "text", f"'Müller ' || {_text(12, 3)}"),
        Column("note", "text", f"CASE WHEN i % 5 = 0 THEN NULL ELSE {_text(60, 4)} END"),
        Column("state", "text", "['new', 'paid', 'sent', 'returned'][1 + i % 4]"),
        Column(
            "document",
            "json",
            "json_object('n', i, 'tag', 'a\"b', 'ok', i % 2 = 0)::VARCHAR",
            fields=("n", "tag", "ok"),
        ),
    ),
)

JSON = Dataset(
    "json",
    "JSON (a key and a document of 300 bytes)",
    ("id",),
    (
        KEY,
        Column(
            "document",
            "json",
            f"json_object('number', i, 'name', {_text(40, 5)}, 'city', {_text(24, 6)}, "
            f"'note', {_text(120, 7)}, 'price', (i % 10007) / 4, 'open', i % 2 = 0, "
            "'tags', ['red', 'green'])::VARCHAR",
            fields=("number", "name", "city", "note", "price", "open", "tags[0]", "tags[1]"),
        ),
    ),
)


def _lineitem() -> tuple[Column, ...]:
    integers = ("orderkey", "partkey", "suppkey", "linenumber")
    decimals = ("quantity", "extendedprice", "discount", "tax")
    dates = ("shipdate", "commitdate", "receiptdate")
    texts = ("returnflag", "linestatus", "shipinstruct", "shipmode", "comment")
    return (
        *(Column(f"l_{name}", "integer") for name in integers),
        *(Column(f"l_{name}", "decimal", digits=(15, 2)) for name in decimals),
        *(Column(f"l_{name}", "text") for name in texts[:2]),
        *(Column(f"l_{name}", "date") for name in dates),
        *(Column(f"l_{name}", "text") for name in texts[2:]),
    )


LINEITEM = Dataset("lineitem", "TPC-H lineitem (16 columns)", ("l_orderkey", "l_linenumber"), _lineitem())

TABLES = (NARROW, WIDE, JSON, LINEITEM)
