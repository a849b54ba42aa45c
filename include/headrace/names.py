"""Identifiers: folding source names to Snowflake names, quoting, and collisions."""

from __future__ import annotations

import re
from collections.abc import Iterable

from include.headrace.errors import SourceError

MAX_LENGTH = 255
"""Snowflake's limit on an identifier, in characters (documentation, "Identifier requirements")."""

LOAD_COLUMNS = ("_LOAD_ID", "_LOADED_AT")
"""Columns that every load adds to a RAW table."""


DELETED_AT = "_DELETED_AT"
"""The column in which a table that keeps deleted rows has the time of the load that found them gone."""


def fold(name: str) -> str:
    """Fold a source's name to ``[A-Z0-9_]``: upper case, every other character an underscore.

    A name that would begin with a digit gets an underscore before it. The first and last
    characters are kept, so `` a`` and ``a`` stay apart. Raises SourceError when the name is
    empty or longer than 255 characters.
    """
    folded = re.sub(r"[^A-Z0-9_]", "_", name.upper())
    if not folded:
        raise SourceError("A column or table has an empty name; give it a name in the source.")
    if folded[0].isdigit():
        folded = "_" + folded
    if len(folded) > MAX_LENGTH:
        raise SourceError(
            f"The name {name[:40]!r}... is longer than {MAX_LENGTH} characters; rename it in the source."
        )
    return folded


def fold_columns(names: Iterable[str]) -> dict[str, str]:
    """Map each source column to its folded name, in order.

    Raises SourceError when two columns fold to one name, or when a column folds to a name that
    loads add themselves.
    """
    folded: dict[str, str] = {}
    owners: dict[str, str] = {}
    for name in names:
        target = fold(name)
        if target in LOAD_COLUMNS:
            raise SourceError(
                f"Column {name!r} has the name of a column that loads add ({target}); rename it."
            )
        if target in owners:
            raise SourceError(
                f"Columns {owners[target]!r} and {name!r} both become {target}; rename one, or leave it out "
                "with `exclude` in the source file."
            )
        owners[target] = name
        folded[name] = target
    return folded


def quote(*parts: str) -> str:
    """Quote an identifier for Snowflake: ``quote("RAW", "OPS")`` is ``"RAW"."OPS"``.

    This is the only way a name gets into a statement. Raises ValueError for an empty part or one
    with a NUL character.
    """
    for part in parts:
        if not part or "\0" in part:
            raise ValueError(f"not an identifier: {part!r}")
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """Quote text for the few places where Snowflake takes no bound value: comments and file lists."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
