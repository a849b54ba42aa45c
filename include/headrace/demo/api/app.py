"""The API as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from collections.abc import MutableMapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from include.headrace.demo.api.answers import json_answer, problem
from include.headrace.demo.api.behaviour import (
    Behaviour,
    Controls,
    Delay,
    Drop,
    ExpireTokens,
    Status,
    of_kind,
)
from include.headrace.demo.api.credentials import Credentials, Tokens, same
from include.headrace.demo.api.graphql import GraphqlEndpoint
from include.headrace.demo.api.limits import TokenBucket
from include.headrace.demo.api.oauth import TokenEndpoint
from include.headrace.demo.api.observations import Observations
from include.headrace.demo.api.records import airlines, observations

NOT_OF_THE_API = ("/control", "/health")
"""Paths for whoever runs the server: they neither fail nor count."""

BEARER = {"WWW-Authenticate": 'Bearer realm="headrace-demo", error="invalid_token"'}


class _Dropped(Exception):
    """The answer breaks off here."""


def application(credentials: Credentials, behaviour: Behaviour) -> ASGIApp:
    """The API with these secrets, behaving so until told otherwise. The data is read here."""
    controls, tokens, hours = Controls(behaviour), Tokens(), observations()
    weather, graphql = Observations(hours), GraphqlEndpoint(airlines(), hours)
    token = TokenEndpoint(credentials, tokens, lambda: controls.behaviour.token_seconds)

    async def by_key(request: Request) -> Response:
        if not same(request.headers.get("X-Api-Key"), credentials.key):
            return problem(401, "unauthorized", "The header X-Api-Key is missing or wrong.")
        return await weather(request)

    async def by_token(request: Request) -> Response:
        if not tokens.takes(request.headers.get("Authorization")):
            what = "The bearer token is missing, unknown or expired; get one from /oauth/token."
            return problem(401, "unauthorized", what, BEARER)
        return await graphql(request)

    gate = _Gate(controls, tokens)

    async def control(request: Request) -> Response:
        if not same(request.headers.get("X-Control-Key"), credentials.control_key):
            return problem(401, "unauthorized", "The header X-Control-Key is missing or wrong.")
        if request.method == "PUT":
            try:
                controls.set(controls.read(await request.body()))
            except msgspec.DecodeError as error:
                return problem(422, "invalid_behaviour", str(error))
            gate.behave()
        return json_answer({"behaviour": controls.behaviour, "requests": controls.requests})

    async def health(request: Request) -> Response:
        return json_answer({"pid": os.getpid()})

    gate.app = Starlette(
        routes=[
            Route("/v1/observations", by_key),
            Route("/graphql", by_token, methods=["POST"]),
            Route("/oauth/token", token.__call__, methods=["POST"]),
            Route("/control", control, methods=["GET", "PUT"]),
            Route("/health", health),
        ],
        exception_handlers={404: _no_such_path, 405: _no_such_path},
    )
    return gate


async def _no_such_path(request: Request, error: Exception) -> Response:
    status = int(getattr(error, "status_code", 404))
    return problem(status, "not_found", f"There is no {request.method} {request.url.path}.")


class _Gate:
    """What every request of the API passes first: faults, then the rate limit."""

    app: ASGIApp

    def __init__(self, controls: Controls, tokens: Tokens) -> None:
        self._controls = controls
        self._tokens = tokens
        self.behave()

    def behave(self) -> None:
        """Take up the behaviour of the controls."""
        self._bucket = TokenBucket(self._controls.behaviour.requests_per_second)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path in NOT_OF_THE_API:
            await self.app(scope, receive, send)
            return
        faults = scope["faults"] = self._controls.faults_of(path)
        if of_kind(faults, ExpireTokens):
            self._tokens.expire()
        delay = of_kind(faults, Delay)
        if delay is not None:
            await asyncio.sleep(delay.seconds)
        refusal = self._refusal(of_kind(faults, Status))
        if of_kind(faults, Drop):
            send = _half(send)
        # An answer without its end makes uvicorn close the connection.
        with contextlib.suppress(_Dropped):
            await (refusal or self.app)(scope, receive, send)

    def _refusal(self, failing: Status | None) -> Response | None:
        if failing is not None:
            headers = {"Retry-After": failing.retry_after} if failing.retry_after is not None else {}
            return problem(failing.status, "failing_on_demand", "This answer was asked for.", headers)
        wait = self._bucket.take()
        if wait:
            headers = {"Retry-After": str(math.ceil(wait))}
            return problem(429, "too_many_requests", "Slow down, and see Retry-After.", headers)
        return None


def _half(send: Send) -> Send:
    """Sends the first half of an answer's body and no more."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        body = message.get("body", b"")
        await send({**message, "body": body[: len(body) // 2], "more_body": True})
        raise _Dropped

    return sending
