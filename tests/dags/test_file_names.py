"""dbt imports every module on its path whose name begins with ``dbt_``, and the folders below are on it."""

from __future__ import annotations

import pytest

from include.headrace.settings import PROJECT_ROOT


@pytest.mark.parametrize("folder", ["dags", "plugins"])
def test_no_file_that_airflow_puts_on_the_path_is_taken_for_a_plugin_of_dbt(folder: str) -> None:
    names = [path.name for path in (PROJECT_ROOT / folder).iterdir() if path.name != "__pycache__"]
    assert names
    assert [name for name in names if name.startswith("dbt_")] == []
