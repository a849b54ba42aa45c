from __future__ import annotations

import shutil
from pathlib import Path

from include.headrace.settings import DBT_DIR
from include.headrace.transform.result import read_nodes
from tests.dbt_project.dbt_command import dbt
from tests.support.snowflake import LocalSnowflake

SIZED = """
{% macro run_query(sql) %}
    {%- set shown = dbt.run_query(sql) -%}
    {%- if sql.startswith("show tables") and shown.rows | length == 1 -%}
        {%- set sizes = "select 'WEATHER_BANDS' as \\"name\\", 4096 as \\"bytes\\"" -%}
        {{ return(dbt.run_query(sizes ~ " union all select 'WEATHER-BANDS', 17")) }}
    {%- endif -%}
    {{ return(shown) }}
{% endmacro %}
"""
"""The local Snowflake knows no sizes: what it shows stands here with one, and so does a name like it."""


def test_the_size_of_a_table_is_in_its_result(snowflake: LocalSnowflake, tmp_path: Path) -> None:
    snowflake.connect().cursor().execute("create database if not exists ANALYTICS")
    project = shutil.copytree(DBT_DIR, tmp_path / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    (project / "macros" / "sized.sql").write_text(SIZED)
    command = ("--no-populate-cache", "seed", "--select", "weather_bands")
    run = dbt(*command, project=project, folder=tmp_path, port=snowflake.port)
    assert run.returncode == 0, run.output
    [seed] = [node for node in read_nodes(tmp_path / "target") if node.unique_id.startswith("seed.")]
    assert seed.bytes == 4096
    [shown] = [sql for sql in run.statements() if sql.lstrip().startswith("show tables like")]
    assert "show tables like 'weather_bands' in schema ANALYTICS.STAGING" in shown
