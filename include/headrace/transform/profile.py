"""The environment variables that ``dbt/profiles.yml`` reads, from an Airflow connection."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from include.headrace.errors import ConfigError
from include.headrace.settings import SNOWFLAKE_CONN_ID

SECRETS = ("SNOWFLAKE_PASSWORD", "SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_TOKEN")
"""The variables that must reach no log and no rendered template."""

WHERE_AND_WHO = ("SNOWFLAKE_HOST", "SNOWFLAKE_PORT", "SNOWFLAKE_PROTOCOL", *SECRETS)
"""The variables that say how to reach and enter the account. dbt writes none of them into a manifest."""

PLACEHOLDERS = {
    "SNOWFLAKE_ACCOUNT": "parse-only",
    "SNOWFLAKE_USER": "parse-only",
    "SNOWFLAKE_PASSWORD": "parse-only",
    "SNOWFLAKE_ROLE": "parse-only",
    "SNOWFLAKE_WAREHOUSE": "parse-only",
    "SNOWFLAKE_HOST": "127.0.0.1",
    "SNOWFLAKE_PORT": "1",
    "SNOWFLAKE_PROTOCOL": "http",
}
"""What ``dbt parse`` needs to read the profile; it opens no connection."""


class Connection(Protocol):
    """What is read of an Airflow connection."""

    conn_id: str
    login: str | None
    password: str | None

    @property
    def extra_dejson(self) -> Mapping[str, Any]: ...


def dbt_environment(connection: Connection) -> dict[str, str]:
    """The variables for ``dbt/profiles.yml``, from a connection of type ``snowflake``.

    Read from the connection: login, password, and in its extra ``account``, ``role``, ``warehouse``,
    ``authenticator``, ``token``, ``private_key_content`` (PEM, or PEM in base64) or
    ``private_key_file`` with the password as its passphrase, and for another address than the
    account's ``host``, ``port`` and ``protocol``. What the connection does not say is left out, so
    that the profile's defaults hold.

    Call it when a task runs, never when a DAG is parsed. Raises ConfigError when the connection has
    no account or user, a private key that cannot be read, or OAuth without an access token; no message
    holds a secret.
    """
    extra = connection.extra_dejson
    key = _private_key(connection)
    if (extra.get("refresh_token") or extra.get("authenticator") == "oauth") and not extra.get("token"):
        raise ConfigError(
            f"The Airflow connection {connection.conn_id!r} signs in by OAuth without an access token, which "
            "dbt cannot do; add `token` to its extra, or use a key pair."
        )
    account, region = extra.get("account"), extra.get("region")
    values = {
        "SNOWFLAKE_ACCOUNT": f"{account}.{region}" if account and region else account,
        "SNOWFLAKE_USER": connection.login,
        "SNOWFLAKE_PASSWORD": None if key else connection.password,
        "SNOWFLAKE_PRIVATE_KEY": key,
        "SNOWFLAKE_ROLE": extra.get("role"),
        "SNOWFLAKE_WAREHOUSE": extra.get("warehouse"),
        "SNOWFLAKE_AUTHENTICATOR": extra.get("authenticator"),
        "SNOWFLAKE_TOKEN": extra.get("token"),
        "SNOWFLAKE_HOST": extra.get("host"),
        "SNOWFLAKE_PORT": extra.get("port"),
        "SNOWFLAKE_PROTOCOL": extra.get("protocol"),
    }
    for name in ("SNOWFLAKE_ACCOUNT", "SNOWFLAKE_USER"):
        if not values[name]:
            field = "login" if name.endswith("USER") else "account (in extra)"
            raise ConfigError(
                f"The Airflow connection {connection.conn_id!r} has no {field}; add it for dbt."
            )
    return {name: str(value) for name, value in values.items() if value not in (None, "")}


def connection_in_environment() -> Any:
    """The Airflow connection of the warehouse where an environment variable holds it, else None."""
    given = os.environ.get(f"AIRFLOW_CONN_{SNOWFLAKE_CONN_ID.upper()}")
    if not given:
        return None
    from airflow.sdk import Connection

    read = Connection.from_json if given.startswith("{") else Connection.from_uri
    return read(given, conn_id=SNOWFLAKE_CONN_ID)


def login_of(conn_id: str) -> dict[str, str]:
    """The variables for a running task's connection, its secrets masked in the task's log.

    Raises as :func:`dbt_environment`.
    """
    from airflow.sdk.bases.hook import BaseHook
    from airflow.sdk.log import mask_secret

    variables = dbt_environment(BaseHook.get_connection(conn_id))
    for name in SECRETS:
        if name in variables:
            mask_secret(variables[name])
    return variables


def _private_key(connection: Connection) -> str | None:
    """The connection's private key as unencrypted PEM, or None when it has none."""
    extra = connection.extra_dejson
    content, file = extra.get("private_key_content"), extra.get("private_key_file")
    if not content and not file:
        return None
    from cryptography.hazmat.primitives import serialization

    try:
        if content:
            pem = content.encode() if "-----BEGIN" in content else base64.b64decode(content, validate=True)
        else:
            pem = Path(str(file)).read_bytes()
        passphrase = connection.password.encode() if connection.password else None
        key = serialization.load_pem_private_key(pem, passphrase)
    except (OSError, TypeError, ValueError) as error:
        raise ConfigError(
            f"The private key of the Airflow connection {connection.conn_id!r} cannot be read "
            f"({type(error).__name__}); give a PEM key, and its passphrase as the connection's password."
        ) from None
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
