"""New York's flights of 2013: July to December in PostgreSQL, January to June and the airports in files."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.demo.seeding.package import fingerprint, package_file

DATABASE = "operations"
FIRST_MONTH_IN_POSTGRES = 7
HOURS_UNTIL_FINAL = 36
"""A flight's row is final 36 hours after its scheduled hour: what the demo takes as ``updated_at``."""

FLIGHTS: dict[str, str] = {
    "year": "integer",
    "month": "integer",
    "day": "integer",
    "dep_time": "integer",
    "sched_dep_time": "integer",
    "dep_delay": "integer",
    "arr_time": "integer",
    "sched_arr_time": "integer",
    "arr_delay": "integer",
    "carrier": "text",
    "flight": "integer",
    "tailnum": "text",
    "origin": "text",
    "dest": "text",
    "air_time": "integer",
    "distance": "integer",
    "hour": "integer",
    "minute": "integer",
    "time_hour": "timestamptz",
}
"""Columns of the package's flights.csv with their PostgreSQL types."""

ARROW = {"integer": pa.int32(), "text": pa.string(), "timestamptz": pa.timestamp("us", tz="UTC")}

CREATE_FLIGHTS = f"""
DROP TABLE IF EXISTS public.flights;
CREATE TABLE public.flights (
    {", ".join(f"{name} {kind}" for name, kind in FLIGHTS.items())},
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (year, month, day, carrier, flight, origin)
);
"""
INDEX_FLIGHTS = "CREATE INDEX flights_updated_at ON public.flights (updated_at)"
SEEDED_WITH = "SELECT obj_description(to_regclass('public.flights'))"


def read_flights() -> pa.Table:
    """All 336,776 flights, missing values ("NA" or nothing in the file) as null, times in UTC."""
    with zipfile.ZipFile(package_file("flights.csv.zip")) as archive:
        raw = archive.read("flights.csv")
    types = {name: ARROW[kind] for name, kind in FLIGHTS.items()}
    convert = pacsv.ConvertOptions(
        column_types=types, include_columns=list(FLIGHTS), null_values=["", "NA"], strings_can_be_null=True
    )
    return pacsv.read_csv(io.BytesIO(raw), convert_options=convert)


def seed_files(folder: Path) -> bool:
    """Write ``archive/flights-2013-MM.parquet`` (January to June) and ``reference/airports.csv``.

    Returns False when ``folder`` already holds them.
    """
    stamp, now = folder / "seeded", fingerprint(__file__, "flights.csv.zip", "airports.csv")
    if stamp.exists() and stamp.read_text() == now:
        return False
    archive, reference = folder / "archive", folder / "reference"
    for part in (archive, reference):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    flights = read_flights()
    for month in range(1, FIRST_MONTH_IN_POSTGRES):
        rows = flights.filter(pc.equal(flights["month"], month))
        pq.write_table(rows, archive / f"flights-2013-{month:02}.parquet", compression="zstd")
    shutil.copyfile(package_file("airports.csv"), reference / "airports.csv")
    stamp.write_text(now)
    return True


def seed_postgres(server: PostgresServer) -> bool:
    """Fill the table ``flights`` of the database ``operations`` with July to December.

    One transaction makes, fills and marks the table, so a seeding that was cut short leaves nothing.
    Returns False when the table is already there from the same files.
    """
    if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)):
        server.execute(f"CREATE DATABASE {DATABASE}")
    now = fingerprint(__file__, "flights.csv.zip", "airports.csv")
    if server.execute(SEEDED_WITH, database=DATABASE) == [(now,)]:
        return False
    _fill(server.dsn.removesuffix("postgres") + DATABASE, now)
    return True


def _fill(uri: str, mark: str) -> None:
    import psycopg
    from psycopg.sql import SQL, Literal

    flights = read_flights()
    rows = flights.filter(pc.greater_equal(flights["month"], FIRST_MONTH_IN_POSTGRES))
    delay = pa.scalar(HOURS_UNTIL_FINAL * 3600 * 1_000_000, pa.duration("us"))
    rows = rows.append_column("updated_at", pc.add(rows["time_hour"], delay))
    text = io.BytesIO()
    pacsv.write_csv(rows, text, pacsv.WriteOptions(include_header=False))
    with psycopg.connect(uri) as connection:
        connection.execute(CREATE_FLIGHTS.encode())
        with connection.cursor().copy("COPY public.flights FROM STDIN WITH (FORMAT csv)") as copy:
            copy.write(text.getbuffer())
        connection.execute(INDEX_FLIGHTS)
        connection.execute(SQL("COMMENT ON TABLE public.flights IS {}").format(Literal(mark)))
