from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from include.headrace.errors import CountError, HeadraceError, PassingError, PermanentError
from include.headrace.export import run
from include.headrace.export.files import read_again
from include.headrace.export.place import Place
from include.headrace.settings import PROJECT_ROOT
from tests.export.conftest import PASSWORD, Mart


@pytest.fixture
def exported(mart: Mart) -> Mart:
    """A mart of two rows, exported once, that has three rows now."""
    mart.sql("CREATE TABLE {t} (ID NUMBER(9,0))")
    mart.sql("INSERT INTO {t} VALUES (1), (2)")
    mart.export("ID").run()
    mart.sql("INSERT INTO {t} VALUES (3)")
    return mart


def old_export_is_whole(mart: Mart) -> bool:
    return mart.parquet() == [{"ID": 1}, {"ID": 2}] and mart.csv() == '"ID"\n1\n2\n'


@pytest.mark.parametrize(
    ("moment", "new"), [("in the files", False), ("before the manifest", False), ("after the manifest", True)]
)
def test_killed_at_any_moment_a_reader_finds_one_whole_export(exported: Mart, moment: str, new: bool) -> None:
    killed = subprocess.run(
        [sys.executable, "-m", "tests.export.kill_worker", str(exported.exports), exported.name, moment],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(exported.versions()) == 2
    assert (exported.parquet() == [{"ID": 1}, {"ID": 2}, {"ID": 3}]) is new
    assert old_export_is_whole(exported) is not new
    exported.export("ID").run()
    assert exported.csv() == '"ID"\n1\n2\n3\n'
    # What the killed export left is gone, or is kept as the version before.
    assert len(exported.versions()) == (3 if new else 2)


def test_an_error_of_the_warehouse_leaves_the_old_export(exported: Mart) -> None:
    exported.sql("DROP TABLE {t}")
    with pytest.raises(PermanentError, match="does not exist"):
        exported.export("ID").run()
    assert old_export_is_whole(exported)
    assert len(exported.versions()) == 1


def test_a_connection_lost_in_mid_read_leaves_the_old_export(
    exported: Mart, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(rows: Any, columns: Any) -> None:
        raise PassingError("the connection was lost")

    monkeypatch.setattr(run, "settled", lost)
    with pytest.raises(PassingError):
        exported.export("ID").run()
    assert old_export_is_whole(exported)
    assert len(exported.versions()) == 1


@pytest.mark.parametrize("short", ["parquet", "csv"])
def test_a_file_that_lost_a_row_is_red_and_the_old_export_stays(
    exported: Mart, monkeypatch: pytest.MonkeyPatch, short: str
) -> None:
    module, name = (pq, "ParquetWriter") if short == "parquet" else (pa_csv, "CSVWriter")
    kind = getattr(module, name)

    class Losing(kind):  # type: ignore[misc, valid-type]
        def write_table(self, rows: Any, *args: Any, **kwargs: Any) -> None:
            super().write_table(rows.slice(1), *args, **kwargs)

    monkeypatch.setattr(module, name, Losing)
    with pytest.raises(CountError, match=rf"gave 3 rows .*\.{short}: 2"):
        exported.export("ID").run()
    assert old_export_is_whole(exported)
    assert len(exported.versions()) == 1


def test_of_two_exports_at_once_the_later_to_end_gives_way(
    exported: Mart, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = read_again

    def slow(place: Place, version: str, name: str) -> Any:
        monkeypatch.setattr(run, "read_again", again)
        found = again(place, version, name)
        exported.export("ID").run()
        return found

    monkeypatch.setattr(run, "read_again", slow)
    with pytest.raises(PassingError, match="published meanwhile"):
        exported.export("ID").run()
    assert exported.csv() == '"ID"\n1\n2\n3\n'


def test_the_last_three_versions_stay(exported: Mart) -> None:
    made = [exported.manifest()["version"], *(exported.export("ID").run()["version"] for _ in range(3))]
    assert exported.versions() == set(made[1:])
    assert exported.manifest()["previous"] == [made[2], made[1]]


def test_a_reader_sees_one_whole_export_while_another_is_made(
    exported: Mart, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[dict[str, Any]]] = []
    create = Place.create

    def looking(self: Place, path: str) -> Any:
        seen.append(exported.parquet())
        return create(self, path)

    monkeypatch.setattr(Place, "create", looking)
    exported.export("ID").run()
    assert seen == [[{"ID": 1}, {"ID": 2}]] * 2
    assert len(exported.parquet()) == 3


def test_a_folder_that_may_not_be_written_is_told(exported: Mart, tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    with pytest.raises(HeadraceError, match="a file/items/"):
        exported.export("ID", exports=str(blocked)).run()


def test_an_object_store_holds_the_same_files(exported: Mart) -> None:
    store = fsspec.filesystem("memory")
    with suppress(FileNotFoundError):
        store.rm("/bucket", recursive=True)
    made = [exported.export("ID", exports="memory://bucket/exports").run() for _ in range(4)]
    manifest = Place("memory://bucket/exports", "items").manifest()
    assert manifest == made[-1]
    with store.open(f"/bucket/exports/items/{manifest['files']['parquet']['path']}") as handle:
        assert pq.read_table(handle).to_pylist() == [{"ID": 1}, {"ID": 2}, {"ID": 3}]
    kept = {path.rpartition("/")[2] for path in store.ls("/bucket/exports/items", detail=False)}
    assert kept == {"manifest.json", *(one["version"] for one in made[1:])}


def test_the_password_is_nowhere(exported: Mart, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        exported.export("ID").run()
        exported.sql("DROP TABLE {t}")
        with pytest.raises(PermanentError) as caught:
            exported.export("ID").run()
    written = b"".join(path.read_bytes() for path in exported.folder.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in written
    assert PASSWORD not in caplog.text + str(caught.value)
