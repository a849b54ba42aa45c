from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from include.headrace.errors import ConfigError
from include.headrace.transform.profile import dbt_environment


def connection(password: str | None = "hush-hush", login: str | None = "ana", **extra: Any) -> Connection:
    return Connection(
        conn_id="snowflake_default",
        conn_type="snowflake",
        login=login,
        password=password,
        extra=json.dumps(extra),
    )


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey, passphrase: str | None = None) -> bytes:
    encryption: Any = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def test_a_password_and_an_address_of_its_own() -> None:
    given = connection(
        account="local", role="R", warehouse="W", host="127.0.0.1", port=8080, protocol="http", database="RAW"
    )
    assert dbt_environment(given) == {
        "SNOWFLAKE_ACCOUNT": "local",
        "SNOWFLAKE_USER": "ana",
        "SNOWFLAKE_PASSWORD": "hush-hush",
        "SNOWFLAKE_ROLE": "R",
        "SNOWFLAKE_WAREHOUSE": "W",
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_PORT": "8080",
        "SNOWFLAKE_PROTOCOL": "http",
    }


def test_what_the_connection_does_not_say_is_left_to_the_profile() -> None:
    assert set(dbt_environment(connection(account="a", role=""))) == {
        "SNOWFLAKE_ACCOUNT",
        "SNOWFLAKE_USER",
        "SNOWFLAKE_PASSWORD",
    }


@pytest.mark.parametrize("form", ["text", "base64", "file"])
def test_a_private_key_with_its_passphrase_takes_the_passwords_place(
    form: str, key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    encrypted = pem(key, "hush-hush")
    (tmp_path / "key.pem").write_bytes(encrypted)
    extra = {
        "text": {"private_key_content": encrypted.decode()},
        "base64": {"private_key_content": base64.b64encode(encrypted).decode()},
        "file": {"private_key_file": str(tmp_path / "key.pem")},
    }[form]
    environment = dbt_environment(connection(account="a", **extra))
    assert environment["SNOWFLAKE_PRIVATE_KEY"] == pem(key).decode()
    assert "SNOWFLAKE_PASSWORD" not in environment


def test_a_key_that_cannot_be_read_is_an_error_without_the_secret(key: rsa.RSAPrivateKey) -> None:
    given = connection("wrong-secret", account="a", private_key_content=pem(key, "hush-hush").decode())
    with pytest.raises(ConfigError, match="'snowflake_default' cannot be read") as caught:
        dbt_environment(given)
    assert "wrong-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("given", "field"), [(connection(), "account"), (connection(login=None, account="a"), "login")]
)
def test_a_connection_without_account_or_user_says_which(given: Connection, field: str) -> None:
    with pytest.raises(ConfigError, match=f"'snowflake_default' has no {field}"):
        dbt_environment(given)


def test_a_region_belongs_to_the_account_as_it_does_in_the_provider() -> None:
    given = dbt_environment(connection(account="ab12345", region="eu-central-1"))
    assert given["SNOWFLAKE_ACCOUNT"] == "ab12345.eu-central-1"


def test_an_oauth_token_is_passed_on_and_oauth_without_one_is_refused() -> None:
    given = dbt_environment(connection(account="a", authenticator="oauth", token="token-text"))
    assert (given["SNOWFLAKE_AUTHENTICATOR"], given["SNOWFLAKE_TOKEN"]) == ("oauth", "token-text")
    with pytest.raises(ConfigError, match=r"'snowflake_default'.*without an access token") as error:
        dbt_environment(connection(account="a", refresh_token="refresh-text"))
    assert "refresh-text" not in str(error.value)
