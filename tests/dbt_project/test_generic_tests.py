"""The project's generic tests fail on the data that they are there for, and on no other."""

from __future__ import annotations

import shutil
from pathlib import Path

from include.headrace.settings import DBT_DIR
from tests.dbt_project.conftest import History
from tests.dbt_project.dbt_command import dbt

PROJECT = """
name: generics
version: "1.0.0"
profile: headrace
flags: {send_anonymous_usage_stats: false, require_generic_test_arguments_property: true}
models: {generics: {+schema: OPS, +materialized: view}}
"""

MODELS = {
    "keys": """
        select 1 as a, 'x' as b
        union all select 1, 'y'
        union all select 1, 'y'
        union all select null, 'z'
    """,
    "landed": """
        select 'arc-1' as _load_id
        union all select 'rolled-back'
        union all select 'rolled-back'
        union all select null
    """,
    "numbers": "select 1.5 as n union all select 2 union all select 3 union all select null",
    "departures": """
        select to_timestamp_ntz(column1) as instant, to_date(column2) as day, column3 as hhmm
        from values
            ('2013-03-10 06:59:00', '2013-03-10', 159),
            ('2013-11-03 05:30:00', '2013-11-03', 130),
            ('2013-11-03 06:30:00', '2013-11-03', 130),
            ('2013-07-05 01:15:00', '2013-07-05', 2115),
            ('2013-03-10 07:05:00', '2013-03-10', 205),
            (null, '2013-03-10', 205)
    """,
}

PROPERTIES = """
sources:
  - name: archive
    database: RAW
    schema: ARCHIVE
    tables: [{name: flights, identifier: FLIGHTS}]
models:
  - name: keys
    data_tests:
      - unique_combination: &pair
          name: pair_bad
          arguments: {columns: [a, b]}
      - unique_combination:
          <<: *pair
          name: pair_good
          config: {where: "b = 'x'"}
      - none_where: &none
          name: none_where_bad
          arguments: {condition: "b = 'y'"}
      - none_where:
          name: none_where_good
          arguments: {condition: "b = 'w'"}
      - none_where:
          <<: *none
          name: known_count
          config: {severity: warn, warn_if: "!= 2"}
      - none_where:
          <<: *none
          name: new_count
          config: {severity: warn, warn_if: "!= 3"}
  - name: landed
    data_tests:
      - rows_of_committed_loads: &loads
          name: landed_bad
          arguments: {source_name: archive, table_name: flights}
      - rows_of_committed_loads:
          <<: *loads
          name: landed_good
          config: {where: "_load_id = 'arc-1'"}
  - name: numbers
    columns:
      - name: n
        data_tests:
          - in_range:
              name: range_bad
              arguments: {minimum: 2, maximum: 2.5}
          - in_range:
              name: range_good
              arguments: {minimum: 1.5, maximum: 3}
  - name: departures
    columns:
      - name: instant
        data_tests:
          - agrees_with_new_york: &clock
              name: clock_bad
              arguments: {date_column: day, hhmm_column: hhmm}
          - agrees_with_new_york:
              <<: *clock
              name: clock_good
              config: {where: hhmm < 200}
"""


def test_generic_tests_count_the_bad_rows_and_pass_the_good_ones(history: History, tmp_path: Path) -> None:
    project = tmp_path / "generics"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text(PROJECT)
    (project / "models" / "properties.yml").write_text(PROPERTIES)
    for name, select in MODELS.items():
        (project / "models" / f"{name}.sql").write_text(select)
    shutil.copy(DBT_DIR / "profiles.yml", project)
    shutil.copytree(DBT_DIR / "macros", project / "macros")
    shutil.copytree(DBT_DIR / "tests" / "generic", project / "tests" / "generic")
    run = dbt("build", project=project, folder=tmp_path, port=history.snowflake.port)
    assert run.failures() == {
        "pair_bad": 2,  # one pair twice, one key NULL
        "pair_good": 0,
        "none_where_bad": 2,
        "none_where_good": 0,
        "known_count": 0,  # dbt counts none when the test passes
        "new_count": 2,
        "landed_bad": 2,  # one load that the ledger lacks, one without an id
        "landed_good": 0,
        "range_bad": 2,  # 1.5 and 3
        "range_good": 0,
        "clock_bad": 3,  # the date is UTC's, the hour does not exist, the instant is missing
        "clock_good": 0,
    }, run.output
    statuses = run.statuses()
    assert {name for name in run.failures() if statuses[name] == "fail"} == {
        *("pair_bad", "none_where_bad", "landed_bad", "range_bad", "clock_bad")
    }
    assert (statuses["known_count"], statuses["new_count"]) == ("pass", "warn")
