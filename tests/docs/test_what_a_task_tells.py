"""The page on what a task tells, held against what tasks do."""

from __future__ import annotations

import logging
import re
from types import SimpleNamespace
from typing import Any

import pytest

from include.headrace.demo.environment import Secrets, airflow_environment
from include.headrace.settings import PROJECT_ROOT
from include.headrace.transform.reporting import tell
from include.headrace.transform.result import NodeResult

PAGE = (PROJECT_ROOT / "docs" / "what-a-task-tells.md").read_text()


def test_the_log_it_shows_is_what_a_test_with_failing_rows_logs(caplog: pytest.LogCaptureFixture) -> None:
    [shown] = re.findall(r"^```\n(.*?)^```$", PAGE, re.M | re.S)
    relation = shown.split()[-1]
    page: Any = SimpleNamespace(compiled_sql="", outcome=None, query_page="", operator_extra_links=())
    with caplog.at_level(logging.INFO, "include.headrace.transform.reporting"):
        tell(page, NodeResult("test.shop.t", "fail", "", 1, "select 1", relation), "local", "127.0.0.1")
    assert caplog.records[-1].getMessage() == shown.strip()


def test_the_lengths_it_names_are_set(tmp_path: Any) -> None:
    [default, ours] = re.findall(
        r"([\d,]+) characters, ([\d,]+) in the image and in", " ".join(PAGE.split())
    )[0]
    setting = "AIRFLOW__CORE__MAX_TEMPLATED_FIELD_LENGTH"
    length = ours.replace(",", "")
    local = airflow_environment(tmp_path, 1, "sqlite://", Secrets("f", "j", "a", "u"), schedules=False)
    assert local[setting] == length
    assert f"{setting}={length}" in (PROJECT_ROOT / "Dockerfile").read_text()
    from airflow.configuration import conf

    assert conf.get_default_value("core", "max_templated_field_length") == default.replace(",", "")
