from __future__ import annotations

from sqlfluff.core import FluffConfig, Linter

from tests.dbt_project.conftest import History


def test_every_statement_of_two_runs_is_snowflake_sql_to_a_second_grammar(history: History) -> None:
    sent = dict.fromkeys(
        # dbt binds a seed's values by %s, which is the connector's mark and no SQL.
        statement.replace("%s", "'x'").split("/* {")[0].rstrip()
        for run in (history.first, history.second)
        for statement in run.statements()
    )
    kinds = {statement.split()[0].lower() for statement in sent if statement}
    assert kinds >= {"create", "merge", "insert", "select", "comment", "alter", "describe"}
    # For its columns' types, dbt first makes an empty table from a unit test's select; the select comes
    # again whole in the comparison, and once is enough for the dearest statements.
    empty = [statement for statement in sent if "temporary table" in statement and "__dbt_sbq" in statement]
    assert len(empty) < len(sent) / 5
    for statement in empty:
        del sent[statement]
    # Around the model's select, which is parsed where the model is built, a unit test's comparison is dbt's
    # own SQL and fixtures: one is enough, and those whose fixtures the project itself writes as SQL.
    compared = [statement for statement in sent if statement.startswith("-- Build actual result")]
    assert len(compared) > 10
    for statement in compared[1:]:
        if "parse_json" not in statement:
            del sent[statement]
    linter = Linter(config=FluffConfig(overrides={"dialect": "snowflake", "templater": "raw"}))
    problems = {}
    for statement in sent:
        violations = linter.parse_string(f"{statement}\n").violations
        if violations:
            problems[statement] = violations[0].desc()
    assert problems == {}
