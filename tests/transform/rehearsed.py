"""``python -m tests.transform.rehearsed``: what a process is after its rehearsal, as a line of JSON.

A process of its own, since the rehearsal puts functions in the place of dbt's for good.
"""

from __future__ import annotations

import contextvars
import importlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import psutil

from include.headrace.transform.preload import DBT

FACTS: dict[str, Any] = {}


def compare_contexts() -> None:
    """From now on, hold each context that dbt makes against what dbt alone would make of it."""
    from dbt.clients.jinja import MacroGenerator
    from dbt.context.manifest import ManifestContext

    alone: Any = FACTS.pop("to_dict")
    ours: Any = ManifestContext.to_dict
    FACTS["contexts"], FACTS["contexts that differ"] = 0, []

    def shown(found: dict[str, Any]) -> dict[str, Any]:
        return {
            name: vars(value.macro)["unique_id"]
            if isinstance(value, MacroGenerator)
            else type(value).__name__
            for name, value in found.items()
        }

    def both(self: Any) -> dict[str, Any]:
        found: dict[str, Any] = ours(self)
        FACTS["contexts"] += 1
        if shown(found) != shown(alone(self)):
            FACTS["contexts that differ"].append(type(self).__name__)
        return found

    setattr(ManifestContext, "to_dict", both)  # noqa: B010


def count_checks() -> None:
    """From now on, count how often dbt checks settings against a schema, and reads text as YAML."""
    import yaml
    from dbt_common import dataclass_schema

    jsonschema: Any = vars(dataclass_schema)["jsonschema"]
    check: Any = jsonschema.Draft7Validator
    load: Any = yaml.load
    FACTS["checked"], FACTS["read"] = [], 0

    def counted_check(schema: Any, *rest: Any, **options: Any) -> Any:
        FACTS["checked"].append(schema.get("title"))
        return check(schema, *rest, **options)

    def counted_load(*arguments: Any, **options: Any) -> Any:
        FACTS["read"] += 1
        return load(*arguments, **options)

    setattr(jsonschema, "Draft7Validator", counted_check)  # noqa: B010
    setattr(yaml, "load", counted_load)  # noqa: B010


def look_at_what_is_kept() -> None:
    """What was found valid is not looked at again, and everything else is."""
    from dbt.clients.yaml_helper import load_yaml_text as alone
    from dbt.config import project
    from dbt.contracts.project import ProjectFlags
    from dbt_common.dataclass_schema import ValidationError
    from dbt_common.events.functions import env_scrubber

    text = Path(sys.modules["include.headrace.transform.rehearsal"].PROJECT, "profiles.yml").read_text()
    load: Any = vars(project)["load_yaml_text"]
    load(text)["rehearsal"]["target"] = "changed"
    FACTS["yaml"] = load(text) == alone(text)
    refused = 0
    for _ in range(2):
        try:
            ProjectFlags.validate({"fail_fast": "neither"})
        except ValidationError:
            refused += 1
    FACTS["refused"] = refused
    os.environ["DBT_ENV_SECRET_KEY"] = "hush-hush"
    FACTS["without a run"] = contextvars.Context().run(env_scrubber, "it is hush-hush")


def look_at_a_run() -> None:
    """A run after the rehearsal, of which nothing stays, and whose own secrets are kept out of its log."""
    from dbt_common.events.functions import env_scrubber

    from include.headrace.transform import once, rehearsal, stand_in

    seen: list[str] = []
    execute = stand_in.Cursor.execute

    def looking(self: Any, sql: str, *rest: Any, **options: Any) -> Any:
        seen.append(env_scrubber("it is hush-hush"))
        return execute(self, sql, *rest, **options)

    setattr(stand_in.Cursor, "execute", looking)  # noqa: B010
    FACTS["again"] = {name: outcome.success for name, outcome in rehearsal.run_small_project().items()}
    FACTS["in a run"] = sorted(set(seen))
    FACTS["learns"] = once._learns


def main() -> None:
    """Rehearse, and tell."""
    for name in DBT:
        importlib.import_module(name)
    from dbt.context.manifest import ManifestContext

    FACTS["to_dict"] = ManifestContext.to_dict
    from include.headrace.transform import rehearsal

    rehearsal.rehearse()
    FACTS["threads"] = [thread.name for thread in threading.enumerate()]
    compare_contexts()
    outcomes: dict[str, Any] = rehearsal.run_small_project()
    FACTS["nodes"] = {
        outcome.node.unique_id.split(".")[0] + "." + outcome.node.name: str(outcome.status)
        for name in ("build", "freshness")
        for outcome in outcomes[name].result.results
        if hasattr(outcome, "node")
    }
    count_checks()
    look_at_what_is_kept()
    FACTS["checked"], FACTS["read"] = [], 0
    look_at_a_run()
    FACTS["connections"] = [str(c) for c in psutil.Process().net_connections()]
    print(json.dumps(FACTS))


if __name__ == "__main__":
    main()
