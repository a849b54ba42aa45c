"""What the page on private sources shows is taken by the code that it is for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from include.headrace.config import PostgresSource, load_source
from include.headrace.readers.http_connection import OPTIONS
from include.headrace.readers.mysql_connection import tls_options
from include.headrace.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "private-sources.md").read_text()
EXAMPLES = [json.loads(found) for found in re.findall(r"```json\n(.*?)```", PAGE, re.S)]


def example(key: str) -> dict[str, object]:
    [found] = [each for each in EXAMPLES if key in each]
    return dict(found)


def test_the_source_with_a_tunnel_is_one(tmp_path: Path) -> None:
    text = re.search(r"## SSH tunnel\n\n```yaml\n(.*?)```", PAGE, re.S)
    assert text is not None
    (tmp_path / "shop.yml").write_text(text[1])
    source = load_source(tmp_path / "shop.yml")
    assert isinstance(source, PostgresSource)
    assert source.tunnel == "bastion"


def test_the_extras_are_what_each_driver_takes() -> None:
    assert "sslrootcert" in make_conninfo("", **{name: str(of) for name, of in example("sslmode").items()})
    assert tls_options(example("ssl"), "shop")["ssl_mode"] == "VERIFY_IDENTITY"
    assert set(example("verify")) <= set(OPTIONS)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"[\w/]*test_\w+\.py", PAGE))))
def test_every_test_it_names_exists(name: str) -> None:
    assert (PROJECT_ROOT / "tests" / ("" if "/" in name else "readers") / name).is_file()
