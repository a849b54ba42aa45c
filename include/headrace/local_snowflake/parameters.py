"""Session parameters: those that the emulator acts on, and those that change nothing it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.headrace.local_snowflake.errors import SqlError, bad_value, refuse

if TYPE_CHECKING:
    from include.headrace.local_snowflake.session import Session


def _boolean(name: str, value: Any) -> str:
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise bad_value(name, value)
    return text


def _seconds(name: str, value: Any) -> str:
    try:
        number = int(str(value))
    except ValueError as error:
        raise bad_value(name, value) from error
    if number < 0:
        raise bad_value(name, value)
    return str(number)


def _tag(name: str, value: Any) -> str:
    if len(str(value)) > 2000:
        raise bad_value(name, f"{str(value)[:20]}... ({len(str(value))} characters, at most 2000)")
    return str(value)


def _text(name: str, value: Any) -> str:
    return str(value)


def _only(*allowed: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        text = str(value).strip().lower()
        if text not in allowed:
            raise refuse(f"do {name} = {value} (only {', '.join(allowed)})")
        return text

    return check


@dataclass(frozen=True)
class Parameter:
    """A parameter: its default, its check, and what SHOW PARAMETERS says of it."""

    default: str
    check: Callable[[str, Any], str]
    kind: str
    description: str


PARAMETERS = {
    "ABORT_DETACHED_QUERY": Parameter("false", _boolean, "BOOLEAN", "abort a query when its client is gone"),
    "AUTOCOMMIT": Parameter(
        "true", _boolean, "BOOLEAN", "commit each statement outside an explicit transaction"
    ),
    "CLIENT_SESSION_KEEP_ALIVE": Parameter("false", _boolean, "BOOLEAN", "for clients"),
    "ERROR_ON_NONDETERMINISTIC_MERGE": Parameter(
        "true", _boolean, "BOOLEAN", "fail a MERGE with duplicate matches"
    ),
    "ERROR_ON_NONDETERMINISTIC_UPDATE": Parameter(
        "false", _boolean, "BOOLEAN", "fail an UPDATE with duplicate matches"
    ),
    "LOCK_TIMEOUT": Parameter("43200", _seconds, "NUMBER", "seconds to wait for a lock"),
    "MULTI_STATEMENT_COUNT": Parameter("1", _only("0", "1"), "NUMBER", "statements in a request"),
    "QUERY_TAG": Parameter("", _tag, "STRING", "tag kept with each query"),
    "QUOTED_IDENTIFIERS_IGNORE_CASE": Parameter(
        "false", _only("false"), "BOOLEAN", "fold quoted identifiers"
    ),
    "STATEMENT_TIMEOUT_IN_SECONDS": Parameter(
        "172800", _seconds, "NUMBER", "seconds before a statement is canceled"
    ),
    **{
        f"{kind}_INPUT_FORMAT": Parameter(
            "auto", _only("auto"), "STRING", f"how text becomes a {kind.lower()}"
        )
        for kind in ("DATE", "TIME", "TIMESTAMP")
    },
    "TIMEZONE": Parameter("Etc/UTC", _text, "STRING", "time zone of the session"),
    "TRANSACTION_ABORT_ON_ERROR": Parameter(
        "false", _boolean, "BOOLEAN", "a failed statement ends the transaction"
    ),
    "USE_CACHED_RESULT": Parameter(
        "true", _boolean, "BOOLEAN", "answer from earlier results; changes no answer"
    ),
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": Parameter("arrow", _only("arrow"), "STRING", "format of results"),
    "CLIENT_PREFETCH_THREADS": Parameter("4", _seconds, "NUMBER", "for clients"),
    "CLIENT_TELEMETRY_ENABLED": Parameter("true", _boolean, "BOOLEAN", "for clients"),
    "CLIENT_VALIDATE_DEFAULT_PARAMETERS": Parameter("false", _boolean, "BOOLEAN", "for clients"),
}


class Parameters:
    """The values of one session's parameters, as SHOW PARAMETERS writes them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._values: dict[str, str] = {}

    def value(self, name: str) -> str:
        """The parameter's value in force."""
        return self._values.get(name, PARAMETERS[name].default)

    def set(self, name: str, value: Any) -> None:
        """Set a parameter. Raises SqlError for one that is not known or a value that cannot be done."""
        name = name.upper()
        if name not in PARAMETERS:
            raise refuse(f"know the session parameter {name}")
        checked = PARAMETERS[name].check(name, value)
        if name == "AUTOCOMMIT":
            self._session.commit()
        if name == "TIMEZONE":
            self._time_zone(checked)
        self._values[name] = checked

    def unset(self, name: str) -> None:
        """Go back to the default."""
        name = name.upper()
        if name not in PARAMETERS:
            raise refuse(f"know the session parameter {name}")
        if name == "TIMEZONE":
            self._time_zone(PARAMETERS[name].default)
        self._values.pop(name, None)

    def is_set(self, name: str) -> bool:
        """True when the session set it."""
        return name in self._values

    def _time_zone(self, zone: str) -> None:
        known = self._session.duck.execute(
            "SELECT 1 FROM pg_timezone_names() WHERE name = ?", [zone]
        ).fetchone()
        if not known:
            raise SqlError(1008, "22023", f"SQL compilation error:\nUnknown time zone: {zone}")
        self._session.duck.execute("SET TimeZone = '" + zone.replace("'", "''") + "'")
