"""Internal stages: folders under the data directory. CREATE, DROP, PUT, GET, LIST, REMOVE.

PUT and GET are done by the server itself, on the same machine: a file appears in a stage whole or not at all,
an existing name is SKIPPED whatever its bytes, as on AWS and Azure.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fakesnow import statement_type
from sqlglot import exp

from include.headrace.local_snowflake.errors import (
    SqlError,
    already_exists,
    bad_value,
    does_not_exist,
    refuse,
)
from include.headrace.local_snowflake.locks import Relation
from include.headrace.local_snowflake.names import split
from include.headrace.local_snowflake.names import table as table_name
from include.headrace.local_snowflake.values import Result, rows, status

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session

_STAGES = "_fs_global._fs_information_schema._fs_stages"
_FILE = re.compile(r"""\s*(?:'file://([^']*)'|file://(\S*))""", re.IGNORECASE)
_OPTION = re.compile(r"\s*(\w+)\s*=\s*('[^']*'|\w+)(?:\s*,(?=\s*\w))?")
"""An option, and the comma that may stand before the next."""
_COMPRESSED = {".gz": "GZIP", ".bz2": "BZIP2", ".zst": "ZSTD", ".parquet": "PARQUET"}


@dataclass(frozen=True)
class Location:
    """A stage and a path in it. The path is a prefix, as in Snowflake: ``a/1`` also means ``a/10``."""

    stage: Relation
    folder: Path
    path: str

    def files(self) -> list[str]:
        """The files under the prefix, as paths from the stage's root, sorted."""
        if not self.folder.exists():
            return []
        found = (f.relative_to(self.folder).as_posix() for f in self.folder.rglob("*") if f.is_file())
        return sorted(
            f for f in found if f.startswith(self.path) and not Path(f).name.startswith(".uploading-")
        )

    def shown(self, file: str) -> str:
        """A file's name as LIST and COPY show it: the stage's name in lower case, then its path."""
        return f"{self.stage[2].lower()}/{file}"


def create(session: Session, tree: exp.Create) -> Result:
    """CREATE [OR REPLACE] STAGE [IF NOT EXISTS] name [COMMENT = '...']: internal stages only."""
    comment = ""
    for option in tree.args["properties"].expressions if tree.args.get("properties") else []:
        if isinstance(option, exp.SchemaCommentProperty):
            comment = option.this.name
        else:
            raise refuse(f"do CREATE STAGE with {option.sql(dialect='snowflake') or 'this option'}")
    relation = session.translator.qualify(tree.this)
    if relation[1] not in session.engine.schemas(relation[0]):
        raise does_not_exist("Schema", ".".join(relation[:2]))
    session.commit()
    if _exists(session, relation):
        if tree.args.get("exists"):
            return status(f"{relation[2]} already exists, statement succeeded.", statement_type.DDL)
        if not tree.args.get("replace"):
            raise already_exists(".".join(relation))
        drop(session, relation, missing_ok=False)
    session.engine.catalog(
        f"INSERT INTO {_STAGES} (created_on, name, database_name, schema_name, url, has_credentials, "
        "has_encryption_key, owner, comment, type, owner_role_type, directory_enabled) "
        "VALUES (now(), ?, ?, ?, '', 'N', 'N', ?, ?, 'INTERNAL', 'ROLE', 'N') ON CONFLICT DO NOTHING",
        [relation[2], relation[0], relation[1], session.role, comment],
    )
    return status(f"Stage area {relation[2]} successfully created.", statement_type.DDL)


def _exists(session: Session, relation: Relation) -> bool:
    return bool(
        session.engine.catalog(
            f"SELECT 1 FROM {_STAGES} WHERE database_name = ? AND schema_name = ? AND name = ?",
            list(relation),
        )
    )


def drop(session: Session, relation: Relation, missing_ok: bool) -> Result:
    """DROP STAGE: its files go with it."""
    session.commit()
    if not _exists(session, relation):
        if missing_ok:
            return status(
                "Drop statement executed successfully (object already dropped).", statement_type.DDL
            )
        raise does_not_exist("Stage", ".".join(relation))
    session.engine.catalog(
        f"DELETE FROM {_STAGES} WHERE database_name = ? AND schema_name = ? AND name = ?", list(relation)
    )
    shutil.rmtree(session.engine.stage_folder(relation), ignore_errors=True)
    return status(f"{relation[2]} successfully dropped.", statement_type.DDL)


def forget_schema(session: Session, database: str, schema: str) -> None:
    """Drop the stages of a schema that was dropped."""
    session.engine.catalog(
        f"DELETE FROM {_STAGES} WHERE database_name = ? AND schema_name = ?", [database, schema]
    )
    shutil.rmtree(session.engine.stages / database / schema, ignore_errors=True)


def locate(session: Session, text: str) -> tuple[Location, str]:
    """Read ``@db.schema.stage/path`` (quoted as a whole or not) off ``text``; returns it and what follows.

    Raises 002003 for a stage that is not there, and a refusal for user and table stages.
    """
    text = text.lstrip()
    if text.startswith("'"):
        inside, _, rest = text[1:].partition("'")
        location, extra = locate(session, inside)
        if extra.strip():
            raise SqlError(
                1003, "42000", f"SQL compilation error:\nsyntax error in stage reference '{inside}'"
            )
        return location, rest
    if not text.startswith("@"):
        raise SqlError(
            1003, "42000", "SQL compilation error:\nexpected a stage reference, such as @stage/path/"
        )
    if text[1:2] in ("~", "%"):
        raise refuse("have user or table stages (@~, @%); make a named stage")
    parts, rest = split(text[1:])
    table = table_name(parts)
    relation = session.translator.qualify(table)
    if not _exists(session, relation):
        raise does_not_exist("Stage", ".".join(relation))
    path = ""
    if rest.startswith("/"):
        path = re.match(r"[^\s;,)']*", rest[1:])[0]  # type: ignore[index]
        rest = rest[1 + len(path) :]
    path = path.lstrip("/")
    if ".." in path.split("/"):
        raise SqlError(1011, "42601", f"SQL compilation error:\ninvalid path in stage reference: {path}")
    return Location(relation, session.engine.stage_folder(relation), path), rest


def _options(text: str, allowed: dict[str, str]) -> dict[str, str]:
    """Options ``NAME = value`` with upper-case names. Raises for one that is unknown or stray text."""
    values = dict(allowed)
    position = 0
    text = text.strip().rstrip(";")
    while position < len(text):
        found = _OPTION.match(text, position)
        if not found:
            raise SqlError(
                1003, "42000", f"SQL compilation error:\nsyntax error at '{text[position:40].strip()}'."
            )
        name, value = found[1].upper(), found[2].strip("'").upper()
        if name not in allowed:
            raise refuse(f"know the option {name} here")
        values[name] = value
        position = found.end()
    return values


def put(session: Session, statement: str) -> Result:
    """PUT file:///absolute/pattern @stage/path [options]; a row a file, UPLOADED or SKIPPED."""
    body = re.sub(r"^\s*put\b", "", statement, flags=re.IGNORECASE)
    source = _FILE.match(body)
    if not source:
        raise SqlError(1003, "42000", "SQL compilation error:\nPUT needs file:///path")
    pattern = source[1] or source[2]
    location, rest = locate(session, body[source.end() :])
    options = _options(
        rest,
        {"AUTO_COMPRESS": "TRUE", "SOURCE_COMPRESSION": "AUTO_DETECT", "OVERWRITE": "FALSE", "PARALLEL": "4"},
    )
    for name in ("AUTO_COMPRESS", "OVERWRITE"):
        if options[name] not in ("TRUE", "FALSE"):
            raise bad_value(name, options[name])
    if not options["PARALLEL"].isdigit() or not 1 <= int(options["PARALLEL"]) <= 99:
        raise bad_value("PARALLEL", options["PARALLEL"])
    if options["SOURCE_COMPRESSION"] not in ("NONE", "AUTO_DETECT", "GZIP"):
        raise refuse(f"do PUT with SOURCE_COMPRESSION = {options['SOURCE_COMPRESSION']}")
    if not pattern.startswith("/"):
        raise refuse("do PUT of a relative path; give file:///absolute/path")
    files = sorted(f for f in Path("/").glob(pattern.lstrip("/")) if f.is_file())
    if not files:
        raise SqlError(253006, "22000", f"File doesn't exist: ['{pattern}']")
    folder = location.folder / location.path
    folder.mkdir(parents=True, exist_ok=True)
    found = [_put_one(file, folder, options) for file in files]
    columns = [
        ("source", "VARCHAR"),
        ("target", "VARCHAR"),
        ("source_size", "BIGINT"),
        ("target_size", "BIGINT"),
        ("source_compression", "VARCHAR"),
        ("target_compression", "VARCHAR"),
        ("status", "VARCHAR"),
        ("message", "VARCHAR"),
    ]
    return rows(columns, found)


def _put_one(file: Path, folder: Path, options: dict[str, str]) -> list[object]:
    declared = options["SOURCE_COMPRESSION"]
    compression = _COMPRESSED.get(file.suffix, "NONE") if declared == "AUTO_DETECT" else declared
    compress = options["AUTO_COMPRESS"] == "TRUE" and compression == "NONE"
    target = folder / (file.name + ".gz" if compress else file.name)
    size = file.stat().st_size
    after = "GZIP" if compress else compression
    if target.exists() and options["OVERWRITE"] == "FALSE":
        return [file.name, target.name, size, 0, compression, after, "SKIPPED", ""]
    partial = folder / f".uploading-{uuid.uuid4().hex}"
    try:
        if compress:
            with file.open("rb") as reader, gzip.open(partial, "wb") as writer:
                shutil.copyfileobj(reader, writer, 1 << 20)
        else:
            shutil.copyfile(file, partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    # What Snowflake reports is the size after encryption: padded to the next 16 bytes.
    stored = (target.stat().st_size // 16 + 1) * 16
    return [file.name, target.name, size, stored, compression, after, "UPLOADED", ""]


def get(session: Session, statement: str) -> Result:
    """GET @stage/path file:///absolute/folder/: a row a file, DOWNLOADED."""
    location, rest = locate(session, re.sub(r"^\s*get\b", "", statement, flags=re.IGNORECASE))
    target = _FILE.match(rest)
    if not target:
        raise SqlError(1003, "42000", "SQL compilation error:\nGET needs file:///folder/")
    _options(rest[target.end() :], {"PARALLEL": "10"})
    folder = Path(target[1] or target[2])
    if not folder.is_absolute():
        raise refuse("do GET into a relative path; give file:///absolute/folder/")
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for file in location.files():
        destination = folder / Path(file).name
        shutil.copyfile(location.folder / file, destination)
        found.append([destination.name, destination.stat().st_size, "DOWNLOADED", ""])
    return rows(
        [("file", "VARCHAR"), ("size", "BIGINT"), ("status", "VARCHAR"), ("message", "VARCHAR")], found
    )


def list_files(session: Session, statement: str) -> Result:
    """LIST @stage/path: name, size in bytes, md5 and last_modified of each file under the prefix."""
    location, rest = locate(session, re.sub(r"^\s*(list|ls)\b", "", statement, flags=re.IGNORECASE))
    _options(rest, {})
    found = []
    for file in location.files():
        place = location.folder / file
        modified = format_datetime(datetime.fromtimestamp(place.stat().st_mtime, UTC), usegmt=True)
        found.append([location.shown(file), place.stat().st_size, digest(place), modified])
    columns = [("name", "VARCHAR"), ("size", "BIGINT"), ("md5", "VARCHAR"), ("last_modified", "VARCHAR")]
    return rows(columns, found)


def remove(session: Session, statement: str) -> Result:
    """REMOVE @stage/path: every file under the prefix; it is not undone by ROLLBACK."""
    location, rest = locate(session, re.sub(r"^\s*(remove|rm)\b", "", statement, flags=re.IGNORECASE))
    _options(rest, {})
    found = []
    for file in location.files():
        (location.folder / file).unlink(missing_ok=True)
        found.append([location.shown(file), "removed"])
    for folder in sorted((f for f in location.folder.rglob("*") if f.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return rows([("name", "VARCHAR"), ("result", "VARCHAR")], found)


def digest(file: Path) -> str:
    """The md5 of a file, in hexadecimal."""
    with file.open("rb") as reader:
        return hashlib.file_digest(reader, "md5").hexdigest()
