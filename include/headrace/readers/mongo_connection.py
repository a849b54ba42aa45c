"""Connections to MongoDB through Airflow's hook, and its errors told apart by what a retry can do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlsplit, urlunsplit

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from include.headrace.config import MongoSource
from include.headrace.errors import HeadraceError, PassingError, SourceError
from include.headrace.readers.connections import named
from include.headrace.readers.reaching import reached

if TYPE_CHECKING:
    from airflow.providers.mongo.hooks.mongo import MongoHook

Client = MongoClient[dict[str, Any]]

PORT = 27017

DEFAULTS = {
    "appname": "headrace",
    "serverSelectionTimeoutMS": 15_000,
    "connectTimeoutMS": 15_000,
    "socketTimeoutMS": 600_000,
}
"""Options of pymongo that the connection's extra may override. pymongo itself waits for a reply for ever."""

PASSING_CODES = frozenset(
    (
        6,  # HostUnreachable
        7,  # HostNotFound
        24,  # LockTimeout
        43,  # CursorNotFound
        50,  # MaxTimeMSExpired
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        112,  # WriteConflict
        133,  # FailedToSatisfyReadPreference
        134,  # ReadConcernMajorityNotAvailableYet
        175,  # QueryPlanKilled
        189,  # PrimarySteppedDown
        237,  # CursorKilled
        262,  # ExceededTimeLimit
        9001,  # SocketException
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11601,  # Interrupted
        11602,  # InterruptedDueToReplStateChange
        13388,  # StaleConfig
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
    )
)
"""Codes of MongoDB worth a retry (MongoDB's source, src/mongo/base/error_codes.yml)."""

SNAPSHOT_TOO_OLD = 239

PERMANENT_CONNECT = (
    "CERTIFICATE_VERIFY_FAILED",
    "certificate verify failed",
    "certificate required",
    "CERTIFICATE_REQUIRED",
    "certificate is not valid for",
    "unknown ca",
    "UNKNOWN_CA",
    "WRONG_VERSION_NUMBER",
)
"""What a failed connection says when no retry can mend it."""


def hook_of(connection_id: str) -> MongoHook:
    """Airflow's hook of a connection. Raises SourceError when there is none, or it is of another kind."""
    from airflow.exceptions import AirflowConfigException
    from airflow.providers.mongo.hooks.mongo import MongoHook

    try:
        with named(connection_id):
            return MongoHook(mongo_conn_id=connection_id)
    except AirflowConfigException as error:
        raise SourceError(f"The Airflow connection {connection_id!r} does not fit: {error}.") from None


class Failures:
    """Makes errors of ours from the driver's, without the secrets of the connection."""

    def __init__(self, hook: MongoHook) -> None:
        found = hook.connection
        self._connection_id = found.conn_id
        passwords = [text for name, text in found.extra_dejson.items() if "password" in name.lower()]
        secrets = [str(text) for text in (found.password, *passwords) if text]
        self._secrets = [*secrets, *map(quote_plus, secrets)]

    @contextmanager
    def told(self, doing: str) -> Iterator[None]:
        """Raises the driver's errors of a block as ours."""
        try:
            yield
        except PyMongoError as error:
            raise self.of(error, doing) from None

    def of(self, error: Exception, doing: str) -> HeadraceError:
        """The error of an action, such as ``reading weather.observations``."""
        text = self.text(error)
        if isinstance(error, OperationFailure) and error.code == SNAPSHOT_TOO_OLD:
            return SourceError(
                f"MongoDB kept no snapshot long enough while {doing}: {text}. Raise the server's parameter "
                "minSnapshotHistoryWindowInSeconds, or read less at a time with a cursor and a schedule."
            )
        if isinstance(error, ConnectionFailure):
            if any(said in text for said in PERMANENT_CONNECT):
                return SourceError(
                    f"Connection {self._connection_id!r} to MongoDB failed: {text}. Correct the connection's "
                    "extra: tls, tlsCAFile, tlsCertificateKeyFile."
                )
            # A server may cut a handshake that it refuses before its reason arrives.
            cut = "EOF occurred in violation of protocol" in text
            hint = " If it demands a client certificate, is tlsCertificateKeyFile right?" if cut else ""
            return PassingError(
                f"Connection {self._connection_id!r} to MongoDB failed while {doing}: {text}. "
                f"Is the server up and reachable?{hint}"
            )
        if isinstance(error, OperationFailure) and (
            error.code in PASSING_CODES or error.has_error_label("TransientTransactionError")
        ):
            return PassingError(f"MongoDB broke off {doing}: {text}.")
        if isinstance(error, OperationFailure):
            return SourceError(
                f"MongoDB refused {doing} to the connection {self._connection_id!r}: {text}. Correct the "
                "connection (its login, password, or authSource in the extra), or what its user may do."
            )
        return SourceError(f"The driver of MongoDB failed while {doing}: {text}.")

    def text(self, error: Exception) -> str:
        """What an error says, without secrets."""
        # What follows describes the topology and the whole reply of the server.
        text = str(error).split(", Timeout: ")[0].split(", full error: ")[0].strip(" .")
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


@contextmanager
def connected(source: MongoSource) -> Iterator[tuple[Client, str | None, Failures]]:
    """A client of the source's connection, the database that it names, and the maker of its errors.

    The hook reads the connection as Airflow documents it: host, port, login, password, schema (the
    default database), and in the extra ``srv``, ``allow_insecure`` and every option of pymongo, such as
    authSource, replicaSet, directConnection, tls, tlsCAFile and tlsCertificateKeyFile. Through a tunnel
    the client speaks to that one host alone (directConnection), and its certificate is for another name:
    with TLS the extra needs ``tlsAllowInvalidHostnames``.

    Raises SourceError for options that pymongo does not know. Nothing is sent yet.
    """
    hook = hook_of(source.connection)
    found = hook.connection
    failures = Failures(hook)
    with _address(source, hook) as (uri, extra):
        given = {name.lower() for name in hook.extras}
        hook.uri = uri
        hook.extras = {
            **{name: value for name, value in DEFAULTS.items() if name.lower() not in given},
            **hook.extras,
            **extra,
        }
        try:
            client: Client = hook.get_conn()
        except (PyMongoError, ValueError, TypeError, OSError) as error:
            raise SourceError(
                f"pymongo refuses the connection {source.connection!r}: {failures.text(error)}. Its extra "
                f"has {', '.join(sorted(hook.extras))}; correct it."
            ) from None
        with client:
            yield client, found.schema or None, failures


@contextmanager
def _address(source: MongoSource, hook: MongoHook) -> Iterator[tuple[str, dict[str, Any]]]:
    """The URI to connect to, and the options that a tunnel asks for."""
    if source.tunnel is None:
        yield hook.uri, {}
        return
    parts = urlsplit(hook.uri)
    login, at, hosts = parts.netloc.rpartition("@")
    if parts.scheme != "mongodb" or "," in hosts:
        raise SourceError(
            f"The connection {source.connection!r} names several hosts or uses srv, and a tunnel leads to "
            f"one host: name one host and its port, or remove `tunnel` of {source.name}."
        )
    found = hook.connection
    with reached(source.tunnel, found.host or "localhost", found.port or PORT) as (host, port):
        moved = parts._replace(netloc=f"{login}{at}{host}:{port}")
        yield urlunsplit(moved), {"directConnection": True}
