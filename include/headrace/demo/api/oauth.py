"""``POST /oauth/token``: tokens by OAuth 2 client credentials (RFC 6749, sections 4.4 and 5)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from include.headrace.demo.api.answers import json_answer
from include.headrace.demo.api.credentials import SCOPE, Credentials, Tokens, basic_login, same

NOT_KEPT = {"Cache-Control": "no-store"}
CHALLENGE = {"WWW-Authenticate": 'Basic realm="headrace-demo"'}


class TokenEndpoint:
    """Gives a token to the client that knows its secret. ``seconds`` tells how long tokens last now."""

    def __init__(self, credentials: Credentials, tokens: Tokens, seconds: Callable[[], int]) -> None:
        self._credentials = credentials
        self._tokens = tokens
        self._seconds = seconds

    async def __call__(self, request: Request) -> Response:
        """The token, or an error as section 5.2 names them."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        header = request.headers.get("Authorization")
        if header is not None and "client_secret" in form:
            return _refused(
                400, "invalid_request", "Give the client's secret once: in the header or the form."
            )
        login = basic_login(header) if header is not None else None
        client, secret = login or (form.get("client_id"), form.get("client_secret"))
        known = same(client, self._credentials.client_id) & same(secret, self._credentials.client_secret)
        if not known:
            return _refused(401, "invalid_client", "The client's id or secret is wrong.", CHALLENGE)
        if form.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type", "The grant_type is client_credentials.")
        if form.get("scope", SCOPE) != SCOPE:
            return _refused(400, "invalid_scope", f"The scope is {SCOPE}.")
        seconds = self._seconds()
        token = {
            "access_token": self._tokens.give(seconds),
            "token_type": "Bearer",
            "expires_in": seconds,
            "scope": SCOPE,
        }
        return json_answer(token, headers=NOT_KEPT)


def _refused(status: int, error: str, what: str, headers: dict[str, str] | None = None) -> Response:
    told = {"error": error, "error_description": what}
    return json_answer(told, status, {**NOT_KEPT, **(headers or {})})
