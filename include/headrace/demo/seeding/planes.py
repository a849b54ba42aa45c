"""The aircraft of the demo: the table ``planes`` of the MySQL database ``fleet``."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv as pacsv

from include.headrace.demo.mariadb_server import MariadbServer
from include.headrace.demo.seeding.package import fingerprint, package_file

DATABASE = "fleet"

PLANES: dict[str, str] = {
    "tailnum": "VARCHAR(10) NOT NULL",
    "year": "INT",
    "type": "VARCHAR(50)",
    "manufacturer": "VARCHAR(50)",
    "model": "VARCHAR(50)",
    "engines": "INT",
    "seats": "INT",
    "speed": "INT",
    "engine": "VARCHAR(50)",
}
"""Columns of the package's planes.csv with their MySQL types."""

CREATE = f"CREATE TABLE planes_new ({', '.join(f'{name} {kind}' for name, kind in PLANES.items())}, \
PRIMARY KEY (tailnum)) COMMENT %s"
INSERT = f"INSERT INTO planes_new VALUES ({', '.join(['%s'] * len(PLANES))})"
SEEDED_WITH = (
    "SELECT table_comment FROM information_schema.tables WHERE table_schema = %s AND table_name = 'planes'"
)


def read_planes() -> pa.Table:
    """All 3,322 aircraft, missing values ("NA" or nothing in the file) as null."""
    types = {name: pa.int32() if kind == "INT" else pa.string() for name, kind in PLANES.items()}
    convert = pacsv.ConvertOptions(
        column_types=types, include_columns=list(PLANES), null_values=["", "NA"], strings_can_be_null=True
    )
    return pacsv.read_csv(package_file("planes.csv"), convert_options=convert)


def seed_planes(server: MariadbServer) -> bool:
    """Fill the table ``planes`` of the database ``fleet``, marked with what it was filled from.

    It is filled aside and renamed, so a seeding that was cut short leaves the old table or none.
    Returns False when the table is already there from the same file.
    """
    server.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    now = fingerprint(__file__, "planes.csv")
    seeded_with = server.execute(SEEDED_WITH, (DATABASE,))
    if seeded_with == [(now,)]:
        return False
    server.execute("DROP TABLE IF EXISTS planes_new, planes_old", database=DATABASE)
    server.execute(CREATE, (now,), database=DATABASE)
    columns = read_planes().to_pydict().values()
    server.execute_many(INSERT, list(zip(*columns, strict=True)), database=DATABASE)
    if seeded_with:
        server.execute("RENAME TABLE planes TO planes_old, planes_new TO planes", database=DATABASE)
        server.execute("DROP TABLE planes_old", database=DATABASE)
    else:
        server.execute("RENAME TABLE planes_new TO planes", database=DATABASE)
    return True
