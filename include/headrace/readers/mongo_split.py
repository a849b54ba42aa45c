"""Parts of a large collection that several cursors read at the same time, in one snapshot."""

from __future__ import annotations

import logging
from typing import Any

from bson import Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.errors import OperationFailure

from include.headrace.config import MongoTable
from include.headrace.readers.mongo_connection import SNAPSHOT_TOO_OLD, Client

log = logging.getLogger(__name__)

LONG_AGO = Timestamp(1, 1)

SAMPLED_EACH = 50
"""How many keys are looked at for each part. Below a twentieth of a collection, MongoDB picks them by a
random cursor (its manual, $sample)."""

ANY_KEY: CodecOptions[dict[str, Any]] = CodecOptions(
    unicode_decode_error_handler="backslashreplace", datetime_conversion=DatetimeConversion.DATETIME_MS
)
"""Keys are compared by the server alone, so one that Python has no value for cuts as well as another."""

Range = tuple[Any, Any]
"""A part by ``_id``: from the first value to before the second, in the order that MongoDB has over values
of every type. An empty one, ``()``, is open."""

WHOLE: Range = ((), ())


def ranges_of(client: Client, database: str, table: MongoTable, *, is_partial: bool) -> list[Range]:
    """About as many parts as the table has readers, or the whole as one: the log says why.

    ``is_partial`` says that only a part of the documents is wanted, which is better found by an index on
    the cursor. Raises errors of the driver.
    """
    if table.readers == 1:
        return [WHOLE]
    where = f"{database}.{table.name}"
    reason = "only a part of it is read" if is_partial else _hindrance(client, database, table.name)
    if reason is not None:
        log.info("%s is read by one reader: %s.", where, reason)
        return [WHOLE]
    size = table.readers * SAMPLED_EACH
    picked: list[dict[str, Any]] = [
        {"$sample": {"size": size}},
        {"$project": {"_id": 1}},
        {"$sort": {"_id": 1}},
    ]
    collection = client[database][table.name].with_options(ANY_KEY)
    with collection.aggregate(picked) as found:
        keys = [one["_id"] for one in found]
    cuts: list[Any] = []
    for number in range(1, table.readers):
        key = keys[number * len(keys) // table.readers] if keys else ()
        if key != () and (not cuts or repr(key) != repr(cuts[-1])):
            cuts.append(key)
    return list(zip([(), *cuts], [*cuts, ()], strict=True))


def _hindrance(client: Client, database: str, name: str) -> str | None:
    """Why a collection cannot be read in parts of one snapshot."""
    with client[database].list_collections(filter={"name": name}) as found:
        [described] = found
    options = described.get("options", {})
    if described.get("type", "collection") != "collection":
        return f"it is a {described['type']}"
    if "collation" in options or "clusteredIndex" in options:
        return "its index on _id has an order of its own"
    if not _keeps_snapshots(client, database, name):
        return "the server does not read at a given time"
    return None


def _keeps_snapshots(client: Client, database: str, name: str) -> bool:
    """True when the server heeds the time of a snapshot: then it refuses one of long ago."""
    concern = {"level": "snapshot", "atClusterTime": LONG_AGO}
    try:
        client[database].command({"find": name, "limit": 1, "singleBatch": True, "readConcern": concern})
    except OperationFailure as error:
        return error.code == SNAPSHOT_TOO_OLD
    return False
