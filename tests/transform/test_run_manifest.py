from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from include.headrace.transform.parsed import newest
from include.headrace.transform.run_manifest import (
    FILE,
    KEPT,
    Identity,
    ManifestMismatchError,
    identify,
    keep,
    kept_manifest,
)
from tests.transform.conftest import SAMPLE

LOCAL = Identity("local", "0" * 64, {}, "")
PROD = Identity("prod", "0" * 64, {}, "")


def writes(content: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / FILE).write_text(content)

    return write


def test_all_that_goes_into_a_manifest_makes_another_identity() -> None:
    env = {"HEADRACE_DATABASE_PREFIX": "DEV_", "SNOWFLAKE_PORT": "1", "SNOWFLAKE_PASSWORD": "hush-hush"}
    base = identify(SAMPLE, "local", env, "")
    assert identify(SAMPLE, "local", env, "").key == base.key
    assert identify(SAMPLE, "prod", env, "").key != base.key
    assert identify(SAMPLE, "local", env, "{day: 1}").key != base.key
    assert identify(SAMPLE, "local", {**env, "HEADRACE_DATABASE_PREFIX": "ANA_"}, "").key != base.key
    assert identify(SAMPLE, "local", {**env, "SNOWFLAKE_PORT": "2", "UNNAMED": "x"}, "").key == base.key
    assert "hush-hush" not in repr(base)


def test_a_kept_manifest_is_parsed_once_however_many_need_it(tmp_path: Path) -> None:
    parsed: list[Path] = []

    def parse(folder: Path) -> None:
        parsed.append(folder)
        writes("one")(folder)

    threads = [threading.Thread(target=kept_manifest, args=(LOCAL, parse, tmp_path)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parsed) == 1
    assert kept_manifest(LOCAL, parse, tmp_path).read_text() == "one"
    assert len(parsed) == 1


def test_a_manifest_of_one_target_in_the_place_of_anothers_is_refused(tmp_path: Path) -> None:
    kept_manifest(LOCAL, writes("local"), tmp_path)
    (tmp_path / LOCAL.key).rename(tmp_path / PROD.key)
    with pytest.raises(ManifestMismatchError, match=r"made for target 'local'.*run of target 'prod'"):
        kept_manifest(PROD, writes("prod"), tmp_path)


def test_the_file_alone_of_another_target_is_refused_too(tmp_path: Path) -> None:
    prod = kept_manifest(PROD, writes("prod"), tmp_path)
    prod.write_bytes(kept_manifest(LOCAL, writes("local"), tmp_path).read_bytes())
    with pytest.raises(ManifestMismatchError):
        kept_manifest(PROD, writes("prod"), tmp_path)


def test_a_parse_that_fails_keeps_nothing(tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        kept_manifest(LOCAL, fails, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_manifest_that_is_kept_again_is_the_newest(tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.write_text("local")
    store = tmp_path / "store"
    keep(LOCAL, packed, store)
    for path in (store / LOCAL.key / FILE, store / LOCAL.key):
        os.utime(path, (1, 1))
    kept_manifest(PROD, writes("prod"), store)
    assert newest(store) == store / PROD.key / FILE
    keep(LOCAL, packed, store)
    assert newest(store) == store / LOCAL.key / FILE


def test_only_the_newest_manifests_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        path = kept_manifest(Identity("local", str(number), {}, ""), writes(str(number)), tmp_path)
        os.utime(path.parent, (number, number))
    contents = {path.read_text() for path in tmp_path.glob(f"*/{FILE}")}
    assert contents == {str(number) for number in range(3, KEPT + 3)}
