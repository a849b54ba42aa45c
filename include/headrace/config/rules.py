"""Rules between the fields of a source file. They read the values as written, of any type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from include.headrace.config.durations import parse_duration
from include.headrace.config.errors import Problem, nearest
from include.headrace.errors import SourceError
from include.headrace.names import MAX_LENGTH, fold

QUARANTINE = "__QUARANTINE"
"""Ending of the table that holds what a load set aside."""

PAYLOAD = "PAYLOAD"
"""The column that holds a whole document."""

ASSET_PREFIX = "raw."

CONCURRENCY = 4
"""How many readers a source bears at once when its file does not say."""


def positive(value: timedelta) -> timedelta:
    """A duration over zero. Raises ValueError for zero."""
    if not value:
        raise ValueError("is no time at all; write a duration over zero, such as 1h, or remove the field")
    return value


def _texts(data: Mapping[str, Any], field: str) -> list[str]:
    given = data.get(field)
    return [item for item in given if isinstance(item, str)] if isinstance(given, (list, tuple)) else []


def schedule(data: Mapping[str, Any]) -> list[Problem]:
    """Exactly one of cron, interval and assets, and a time zone only where it is used."""
    given = [field for field in ("cron", "interval", "assets") if data.get(field) not in (None, [], ())]
    found: list[Problem] = []
    if not given:
        found.append(((), "says no time; give one of cron, interval and assets, or remove `schedule`."))
    elif len(given) > 1:
        found.append(
            ((given[1],), f"stands beside {given[0]}; keep exactly one of cron, interval and assets.")
        )
    if data.get("timezone") is not None and "cron" not in given:
        found.append((("timezone",), "means something for cron only; remove it."))
    return found


def table(data: Mapping[str, Any], *, comparable: bool = False) -> list[Problem]:
    """What disposition, key, cursor, overlap, window and deletes ask of one another."""
    found: list[Problem] = []
    disposition = data.get("disposition", "replace")
    has = {field: data.get(field) not in (None, [], ()) for field in ("primary_key", "cursor", "window")}
    overlap = _has_overlap(data.get("overlap"))
    if disposition == "merge" and not has["primary_key"]:
        found.append((("primary_key",), "is missing, and merge finds rows by it; add it, or use replace."))
    if disposition == "append" and not has["cursor"]:
        what = "is missing: without it a second run appends every row again; add it, or use replace or merge."
        found.append((("cursor",), what))
    if disposition == "append" and overlap and not has["primary_key"]:
        what = "reads rows again, and append without a key doubles them; add primary_key, or remove overlap."
        found.append((("overlap",), what))
    if disposition == "replace" and has["cursor"]:
        what = (
            "does nothing here: replace (the default disposition) reads the whole table each time; "
            "set disposition to merge or append, or remove cursor."
        )
        found.append((("cursor",), what))
    if overlap and not has["cursor"]:
        found.append((("overlap",), "needs a cursor to go back on; add cursor, or remove overlap."))
    if has["window"] and not has["cursor"]:
        what = "needs a cursor to look at; add cursor (with merge or append), or use limit or sample."
        found.append((("window",), what))
    return found + _columns(data) + _taken_away(data, disposition, comparable)


def deletes(data: Mapping[str, Any]) -> list[Problem]:
    """At least one way to find what is deleted."""
    if data.get("marker") is not None or data.get("compare_keys"):
        return []
    return [((), "finds no deleted row; give marker or compare_keys, or remove `deletes`.")]


def _taken_away(data: Mapping[str, Any], disposition: object, comparable: bool) -> list[Problem]:
    """Where rows can be taken away from a table, and what bounds it."""
    found: list[Problem] = []
    given = data.get("deletes")
    compares = (
        given.get("compare_keys") if isinstance(given, Mapping) else getattr(given, "compare_keys", None)
    )
    marker = given.get("marker") if isinstance(given, Mapping) else getattr(given, "marker", None)
    if given is not None and disposition != "merge":
        what = (
            "is for merge only: replace takes deleted rows away by itself, and append keeps all; remove it."
        )
        found.append((("deletes",), what))
    if compares and not comparable:
        what = (
            "needs a source that can be asked for its keys alone (PostgreSQL, MySQL, MongoDB); use marker, "
            "or replace the table."
        )
        found.append((("deletes", "compare_keys"), what))
    if isinstance(marker, str) and marker in _texts(data, "exclude"):
        found.append(
            (("exclude",), f"leaves out {marker!r}, which deletes.marker needs; remove one of them.")
        )
    if data.get("max_shrink") is not None and disposition != "replace" and not compares:
        what = "bounds what replace and deletes.compare_keys take away; this table has neither: remove it."
        found.append((("max_shrink",), what))
    return found


def _has_overlap(value: object) -> bool:
    try:
        return bool(parse_duration(value))
    except ValueError:
        return False


def _columns(data: Mapping[str, Any]) -> list[Problem]:
    found: list[Problem] = []
    needed = dict.fromkeys(_texts(data, "primary_key"), "primary_key")
    if isinstance(data.get("cursor"), str):
        needed.setdefault(data["cursor"], "cursor")
    for column in sorted(set(_texts(data, "exclude")) & set(needed)):
        what = f"leaves out {column!r}, which {needed[column]} needs; remove it from one of them."
        found.append((("exclude",), what))
    for field in ("primary_key", "exclude", "tags"):
        given = _texts(data, field)
        doubled = sorted({item for item in given if given.count(item) > 1})
        found.extend(((field,), f"names {item!r} twice; keep one.") for item in doubled)
    return found


def document(data: Mapping[str, Any]) -> list[Problem]:
    """Columns beside the payload: none takes its name, and the cursor has a type that has an order."""
    given = data.get("columns")
    columns = given if isinstance(given, Mapping) else {}
    found: list[Problem] = []
    for name in [*columns, *_texts(data, "primary_key")]:
        if isinstance(name, str) and name and fold(name) == PAYLOAD:
            field = "columns" if name in columns else "primary_key"
            what = f"names {name!r}, which is the whole document; take the value out under another name."
            found.append(((field,), what))
    given = data.get("deletes")
    marker = given.get("marker") if isinstance(given, Mapping) else getattr(given, "marker", None)
    if isinstance(marker, str) and marker not in columns:
        what = f"is {marker!r}, which is not in `columns`; name it there, such as `{marker}: BOOLEAN`."
        found.append((("deletes", "marker"), what))
    cursor = data.get("cursor")
    declared = columns.get(cursor) if isinstance(cursor, str) else None
    kind = declared.get("type") if isinstance(declared, Mapping) else declared
    if isinstance(cursor, str) and kind in (None, "VARCHAR"):
        what = (
            "needs a type that has an order: give it one in `columns`, such as "
            f"`{cursor}: TIMESTAMP_TZ` or `{cursor}: NUMBER(19,0)`."
        )
        found.append((("cursor",), what))
    return found


def one_of(data: Mapping[str, Any], fields: tuple[str, str], example: str) -> list[Problem]:
    """Exactly one of two fields is given."""
    given = [field for field in fields if data.get(field) is not None]
    if not given:
        return [
            ((fields[0],), f"is missing; give {fields[0]} or {fields[1]}, such as {fields[0]}: {example}.")
        ]
    return [((given[1],), f"stands beside {given[0]}; keep one of them.")] if len(given) > 1 else []


def incremental(data: Mapping[str, Any]) -> list[Problem]:
    """Asking for what is new needs a cursor to go by."""
    if data.get("incremental") is None or data.get("cursor") is not None:
        return []
    return [(("incremental",), "needs a cursor to go by; add cursor (with merge or append), or remove it.")]


def told_apart(named: Iterable[tuple[tuple[str | int, ...], object]]) -> list[Problem]:
    """Fields that each name a parameter name different ones. ``named`` has each field and its name."""
    found: list[Problem] = []
    owners: dict[str, str] = {}
    for location, name in named:
        if not isinstance(name, str):
            continue
        field = ".".join(str(part) for part in location)
        if name in owners:
            found.append((location, f"sends the parameter {name!r}, as {owners[name]} does; keep one."))
        owners.setdefault(name, field)
    return found


def sized(data: Mapping[str, Any]) -> list[Problem]:
    """A page's size has a parameter to be sent in."""
    if data.get("size") is None or data.get("size_parameter") is not None:
        return []
    return [(("size",), "is not sent: add size_parameter, the parameter that carries it, or remove size.")]


def source(data: Mapping[str, Any]) -> list[Problem]:
    """At least one table, names that stay apart in RAW, no more readers than places, and a source that does
    not wait for itself."""
    name = data.get("name")
    found: list[Problem] = []
    plan = data.get("schedule")
    own = f"{ASSET_PREFIX}{name}"
    if isinstance(plan, Mapping) and own in _texts(plan, "assets"):
        what = f"waits for {own}, which this source itself gives; name another asset."
        found.append((("schedule", "assets"), what))
    tables = data.get("tables")
    if tables in ([], ()):
        found.append((("tables",), "names no table; add one, or remove the file."))
    owners: dict[str, str] = {}
    places = data.get("concurrency", CONCURRENCY)
    for position, item in enumerate(tables if isinstance(tables, (list, tuple)) else ()):
        readers = item.get("readers") if isinstance(item, Mapping) else getattr(item, "readers", None)
        if isinstance(readers, int) and isinstance(places, int) and readers > places:
            what = (
                f"is {readers}, and `concurrency` lets only {places} read the source at once, so the table "
                "would wait for ever; lower it, or raise `concurrency`."
            )
            found.append((("tables", position, "readers"), what))
        table_name = item.get("name") if isinstance(item, Mapping) else getattr(item, "name", None)
        if isinstance(table_name, str) and table_name:
            problem = _table_name(table_name, str(name), owners)
            if problem:
                found.append((("tables", position, "name"), problem))
    return found


def _table_name(name: str, source_name: str, owners: dict[str, str]) -> str | None:
    try:
        target = fold(name)
        fold(f"FENCE__{source_name}__{name}")
        fold(name + QUARANTINE)
    except SourceError:
        return (
            f"is too long: with what the ledger adds it passes {MAX_LENGTH} characters; rename it by a view."
        )
    if target.endswith(QUARANTINE):
        return f"becomes {target}, and {QUARANTINE} ends the tables of rows set aside; rename it by a view."
    if target in owners:
        return (
            f"becomes {target} in RAW, as {owners[target]!r} does; keep one, or put one of them in a "
            "source file of its own."
        )
    owners[target] = name
    return None


def unknown_assets(assets: Iterable[str], sources: Iterable[str]) -> list[Problem]:
    """Assets ``raw.<source>`` that no source file gives: a DAG that waits for one never runs."""
    known = [f"{ASSET_PREFIX}{name}" for name in sources]
    return [
        (("schedule", "assets", position), f"is an asset that no source gives; {nearest(asset, known)}")
        for position, asset in enumerate(assets)
        if asset.startswith(ASSET_PREFIX) and asset not in known
    ]


def table_schema(schema: dict[str, Any]) -> None:
    """Put the rules that JSON Schema can say into a table's schema, for editors."""
    schema["allOf"] = [
        _when("merge", "primary_key"),
        _when("append", "cursor"),
    ]


def _when(disposition: str, needed: str) -> dict[str, Any]:
    return {
        "if": {"properties": {"disposition": {"const": disposition}}, "required": ["disposition"]},
        "then": {"required": [needed]},
    }
