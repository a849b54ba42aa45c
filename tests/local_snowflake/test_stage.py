from __future__ import annotations

import hashlib
from pathlib import Path

from tests.local_snowflake.conftest import Client


def put(
    client: Client, file: Path, where: str, options: str = "auto_compress = false"
) -> list[tuple[object, ...]]:
    return client.rows(f"put 'file://{file}' '@landing/{where}' {options}")


def test_put_reports_the_source_size_and_a_padded_target_size(client: Client, tmp_path: Path) -> None:
    client.run("create stage landing")
    file = tmp_path / "a.bin"
    file.write_bytes(b"x" * 100)
    rows = client.dicts(
        f"put file://{file} @landing/p/ AUTO_COMPRESS=FALSE SOURCE_COMPRESSION=NONE OVERWRITE=FALSE "
        "PARALLEL=4"
    )
    assert rows == [
        {
            "source": "a.bin",
            "target": "a.bin",
            "source_size": 100,
            "target_size": 112,
            "source_compression": "NONE",
            "target_compression": "NONE",
            "status": "UPLOADED",
            "message": "",
        }
    ]


def test_put_of_an_existing_name_is_skipped_whatever_its_bytes(client: Client, tmp_path: Path) -> None:
    client.run("create stage landing")
    file = tmp_path / "a.bin"
    file.write_bytes(b"first")
    put(client, file, "p/")
    file.write_bytes(b"second")
    assert put(client, file, "p/")[0][6] == "SKIPPED"
    assert client.rows("list @landing/p/")[0][1:3] == (
        5,
        hashlib.md5(b"first", usedforsecurity=False).hexdigest(),
    )
    assert put(client, file, "p/", "auto_compress = false overwrite = true")[0][6] == "UPLOADED"
    assert client.rows("list @landing/p/")[0][1] == 6


def test_put_takes_a_pattern_and_compresses_by_default(client: Client, tmp_path: Path) -> None:
    client.run("create stage landing")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("1,2\n")
    rows = client.rows(f"put 'file://{tmp_path}/*.csv' @landing")
    assert [row[:2] for row in rows] == [("a.csv", "a.csv.gz"), ("b.csv", "b.csv.gz")]


def test_commas_may_stand_between_options_of_put(client: Client, tmp_path: Path) -> None:
    client.run("create stage landing")
    file = tmp_path / "a.bin"
    for content in (b"first", b"second"):
        file.write_bytes(content)
        [row] = put(client, file, "c/", "OVERWRITE = TRUE, AUTO_COMPRESS = FALSE")
        assert row[6] == "UPLOADED"
    for stray in (", overwrite = true", "overwrite = true,", "overwrite = true,, parallel = 1"):
        assert "syntax error" in str(client.error(f"put 'file://{file}' '@landing/c/' {stray}"))


def test_put_of_a_missing_file_fails(client: Client) -> None:
    client.run("create stage landing")
    assert client.error("put file:///nowhere/at/all @landing").errno == 253006


def test_a_path_is_a_prefix_for_list_and_remove(client: Client, tmp_path: Path) -> None:
    client.run("create stage landing")
    file = tmp_path / "a.bin"
    file.write_bytes(b"x")
    put(client, file, "1/")
    put(client, file, "10/")
    assert [row[0] for row in client.rows("list @landing/1")] == ["landing/1/a.bin", "landing/10/a.bin"]
    assert [row[0] for row in client.rows("list @landing/1/")] == ["landing/1/a.bin"]
    assert client.rows("remove @landing/1/") == [("landing/1/a.bin", "removed")]
    assert [row[0] for row in client.rows("ls @landing")] == ["landing/10/a.bin"]
    assert client.rows("remove @landing") == [("landing/10/a.bin", "removed")]


def test_remove_is_not_undone(client: Client, tmp_path: Path) -> None:
    client.run("create stage landing")
    (tmp_path / "a.bin").write_bytes(b"x")
    put(client, tmp_path / "a.bin", "")
    client.run("begin", "remove @landing", "rollback")
    assert client.rows("list @landing") == []


def test_get_brings_the_bytes_back(client: Client, tmp_path: Path) -> None:
    client.run("create stage landing")
    (tmp_path / "a.bin").write_bytes(b"the bytes")
    put(client, tmp_path / "a.bin", "p/")
    assert client.rows(f"get @landing/p/ file://{tmp_path}/back/") == [("a.bin", 9, "DOWNLOADED", "")]
    assert (tmp_path / "back" / "a.bin").read_bytes() == b"the bytes"


def test_a_dropped_or_replaced_stage_loses_its_files(client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"x")
    client.run("create stage landing")
    put(client, tmp_path / "a.bin", "")
    client.run("create or replace stage landing")
    assert client.rows("list @landing") == []
    client.run("drop stage landing")
    assert "does not exist" in str(client.error("list @landing"))
    assert client.error("put file:///etc/hostname @landing").errno == 2003


def test_a_path_cannot_leave_its_stage(client: Client, tmp_path: Path) -> None:
    client.run("create stage landing")
    (tmp_path / "a.bin").write_bytes(b"x")
    assert "invalid path" in str(client.error(f"put file://{tmp_path}/a.bin @landing/../../x/"))
