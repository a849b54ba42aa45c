"""What `astro dev parse` runs: every DAG file imports, and gives at least one DAG.

Nothing is patched away: importing a DAG file here needs no connection, no Variable and no variable
of the environment. A file named in dag_integrity_exceptions.txt, by its path from the project's
root, may fail to import.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).resolve().parents[1]
DAG_FILES = sorted((ROOT / "dags").rglob("*.py"))
EXCEPTIONS = (ROOT / ".astro" / "dag_integrity_exceptions.txt").read_text(encoding="utf-8").split()


def test_there_are_dag_files() -> None:
    assert DAG_FILES


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.name)
def test_a_dag_file_imports_and_gives_dags(path: Path) -> None:
    if str(path.relative_to(ROOT)) in EXCEPTIONS:
        pytest.skip("named in dag_integrity_exceptions.txt")
    bag = DagBag(dag_folder=path)
    assert not bag.import_errors, "\n".join(bag.import_errors.values())
    assert bag.dags, f"{path.name} gives no DAG"
