from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from dbt_common.clients import jinja
from dbt_common.clients.jinja import MacroFuzzEnvironment, get_template, template_cache
from dbt_common.exceptions import CompilationError

from include.headrace.transform.templates import compile_manifest, compile_texts_once


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The texts that Jinja compiled since the test began, in a process that compiles each once."""
    texts: list[str] = []
    as_it_comes: Any = MacroFuzzEnvironment.compile

    def counted(self: Any, source: Any, *args: Any, **kwargs: Any) -> Any:
        texts.append(str(source))
        return as_it_comes(self, source, *args, **kwargs)

    monkeypatch.setattr(MacroFuzzEnvironment, "compile", counted)
    monkeypatch.setattr(jinja.template_cache, "file_cache", {})
    compile_texts_once()
    yield texts


def test_a_text_is_compiled_once_for_each_kind_of_environment(compiled: list[str]) -> None:
    text = "{{ number }}"
    rendered = [get_template(text, {}, native=native).render({"number": 7}) for native in (False, True) * 2]
    assert rendered == ["7", 7, "7", 7]
    assert compiled == [text, text]


def test_what_a_template_is_given_is_its_own(compiled: list[str]) -> None:
    text = "{{ seen }} {{ given }}"
    assert get_template(text, {"seen": 1}).render({"given": 2}) == "1 2"
    assert get_template(text, {"seen": 3}).render({"given": 4}) == "3 4"
    assert compiled == [text]


def test_a_text_that_does_not_compile_is_wrong_each_time(compiled: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(CompilationError, match="unexpected"):
            get_template("{{ ) }}", {})
    assert len(compiled) == 2


def test_a_run_finds_a_manifest_s_macros_and_texts_compiled(compiled: list[str]) -> None:
    macro = SimpleNamespace(macro_sql="{% macro one() %}1{% endmacro %}")
    broken = SimpleNamespace(macro_sql="{% macro two( %}")
    nodes = [SimpleNamespace(raw_code="select {{ one() }}"), SimpleNamespace(raw_code="{% nothing %}")]
    manifest: Any = SimpleNamespace(
        macros={"macro.one": macro, "macro.two": broken},
        # A seed has no text.
        nodes={"model.a": nodes[0], "model.b": nodes[1], "seed.c": SimpleNamespace()},
    )
    compile_manifest(manifest)
    assert {macro.macro_sql, nodes[0].raw_code} <= set(compiled)
    before = list(compiled)
    template_cache.get_node_template(macro)
    assert get_template(nodes[0].raw_code, {}).render({"one": lambda: 1}) == "select 1"
    assert compiled == before
