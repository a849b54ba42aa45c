"""The Jinja of a dbt project, compiled once in the process that tasks are forked from.

dbt compiles what it renders in each of its processes: some thirty macros and fifty other texts for one test.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


def compile_texts_once() -> None:
    """Let this process keep the code of every text that dbt compiles; dbt keeps that of macros alone."""
    from dbt_common.clients.jinja import MacroFuzzEnvironment

    compile_text: Callable[..., Any] = MacroFuzzEnvironment.compile
    compiled: dict[tuple[type, str], Any] = {}

    def compile_once(self: Any, source: Any, *args: Any, **kwargs: Any) -> Any:
        # dbt gives each environment of a kind the same extensions and filters: the code is the same too.
        if args or kwargs or not isinstance(source, str):
            return compile_text(self, source, *args, **kwargs)
        key = (type(self), source)
        if key not in compiled:
            compiled[key] = compile_text(self, source)
        return compiled[key]

    # By name: to a type checker a method is not to be set.
    setattr(MacroFuzzEnvironment, "compile", compile_once)  # noqa: B010


def compile_manifest(manifest: Manifest) -> None:
    """Compile the macros and the nodes' texts of a manifest, for the runs to come."""
    from dbt_common.clients.jinja import get_template, template_cache

    for macro in manifest.macros.values():
        # What does not compile is for the run to tell that needs it.
        with suppress(Exception):
            template_cache.get_node_template(macro)
    for text in {getattr(node, "raw_code", "") for node in manifest.nodes.values()}:
        with suppress(Exception):
            get_template(text, {})
