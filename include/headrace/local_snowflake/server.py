"""The local Snowflake's HTTP server: Snowflake's client protocol on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fakesnow.statement_type import DML_TYPE_IDS
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from include.headrace.local_snowflake import statements
from include.headrace.local_snowflake.connections import Connections
from include.headrace.local_snowflake.errors import PRODUCT, SqlError, translate
from include.headrace.local_snowflake.functions import VERSION
from include.headrace.local_snowflake.history import Query
from include.headrace.local_snowflake.instance import Instance
from include.headrace.local_snowflake.parts import part_of
from include.headrace.local_snowflake.session import Session
from include.headrace.local_snowflake.values import Result, bound, encode

logger = logging.getLogger(__name__)
_KEPT_REQUESTS = 2_000
_THREADS = 1_000
Answer = dict[str, Any]


def _failure(error: SqlError, query_id: str | None = None) -> Answer:
    code = f"{error.errno:06d}"
    data = {"errorCode": code, "sqlState": error.sqlstate, "queryId": query_id}
    return {"data": data, "code": code, "message": error.message, "success": False}


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        raw = gzip.decompress(raw)
    return json.loads(raw) if raw else {}


class App:
    """The request handlers over one Instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.connections = Connections(instance)
        self._mutex = threading.Lock()
        self._requests: OrderedDict[str, Future[Answer]] = OrderedDict()
        self._running: dict[str, Session] = {}
        # A statement that waits for a lock holds its thread: there must always be one left for the COMMIT.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="statement")

    def starlette(self) -> Starlette:
        """The routes of Snowflake's protocol that its Python connector uses."""
        posts: dict[str, Callable[[Request], Awaitable[JSONResponse]]] = {
            "/session/v1/login-request": self.login,
            "/session/token-request": self.renew,
            "/session": self.session,
            "/session/heartbeat": self.heartbeat,
            "/queries/v1/query-request": self.query,
            "/queries/v1/abort-request": self.abort,
            "/telemetry/send": self.telemetry,
        }
        routes = [Route(path, self._guarded(handler), methods=["POST"]) for path, handler in posts.items()]
        routes.append(
            Route("/monitoring/queries/{query_id}", self._guarded(self.monitoring), methods=["GET"])
        )
        routes.append(Route("/results/{secret}/{number:int}", self.part, methods=["GET"]))
        routes.append(Route("/health", self.health, methods=["GET"]))
        return Starlette(routes=routes)

    def _guarded(
        self, handler: Callable[[Request], Awaitable[JSONResponse]]
    ) -> Callable[[Request], Awaitable[JSONResponse]]:
        async def run(request: Request) -> JSONResponse:
            try:
                return await handler(request)
            except Exception as error:  # a 500 would be retried by the connector for minutes
                if not isinstance(error, SqlError):
                    logger.exception("request failed")
                return JSONResponse(_failure(translate(error)))

        return run

    def _session(self, request: Request) -> Session:
        header = request.headers.get("Authorization", "")
        token = header.partition('Token="')[2].rstrip('"')
        session = self.instance.session(token)
        self.connections.seen(request, session)
        return session

    async def health(self, request: Request) -> JSONResponse:
        """Whether the server is up, and what it is."""
        return JSONResponse({"product": PRODUCT, "databases": self.instance.engine.databases()})

    async def login(self, request: Request) -> JSONResponse:
        """Sign in with user and password."""
        data = (await _body(request))["data"]
        query = request.query_params
        parameters = dict(data.get("SESSION_PARAMETERS") or {})
        session = await run_in_threadpool(
            self.instance.sign_in,
            str(data.get("LOGIN_NAME", "")),
            str(data.get("PASSWORD", "")),
            parameters,
            query.get("databaseName"),
            query.get("schemaName"),
            query.get("roleName"),
            query.get("warehouse"),
        )
        self.connections.seen(request, session)
        shown = [
            {"name": "AUTOCOMMIT", "value": session.parameters.value("AUTOCOMMIT") == "true"},
            {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
            {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
            {"name": "CLIENT_TELEMETRY_ENABLED", "value": False},
            {"name": "TIMEZONE", "value": session.parameters.value("TIMEZONE")},
        ]
        answer = {
            "token": session.token,
            "masterToken": session.token,
            "validityInSeconds": 86_400,
            "masterValidityInSeconds": 86_400,
            "serverVersion": VERSION,
            "sessionId": session.id,
            "parameters": shown,
            "sessionInfo": _where(session),
        }
        return JSONResponse({"data": answer, "success": True, "code": None, "message": None})

    async def renew(self, request: Request) -> JSONResponse:
        """Renew a token: sessions do not expire here, so the same one."""
        session = self._session(request)
        answer = {"sessionToken": session.token, "masterToken": session.token, "validityInSecondsST": 86_400}
        return JSONResponse({"data": answer, "success": True})

    async def session(self, request: Request) -> JSONResponse:
        """Close a session."""
        session = self._session(request)
        if request.query_params.get("delete") == "true":
            await run_in_threadpool(self.instance.sign_out, session.token)
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    async def heartbeat(self, request: Request) -> JSONResponse:
        """Keep a session alive."""
        self._session(request)
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    async def telemetry(self, request: Request) -> JSONResponse:
        """Take a client's telemetry and keep none of it."""
        return JSONResponse({"success": True})

    async def monitoring(self, request: Request) -> JSONResponse:
        """The status of a query that ended."""
        self._session(request)
        wanted = request.path_params["query_id"]
        found = [q for q in self.instance.history.all() if q.query_id == wanted]
        return JSONResponse(
            {"data": {"queries": [{"id": q.query_id, "status": q.status} for q in found]}, "success": True}
        )

    async def part(self, request: Request) -> Response:
        """A part of a large result. Its address is the right to it, as in Snowflake."""
        found = await run_in_threadpool(
            part_of,
            self.instance.sessions(),
            request.path_params["secret"],
            request.path_params["number"],
        )
        if found is None:
            return Response("There is no such result here.", status_code=404)
        return Response(found, media_type="application/octet-stream")

    async def abort(self, request: Request) -> JSONResponse:
        """Cancel the statement of a request."""
        self._session(request)
        wanted = str((await _body(request)).get("requestId", ""))
        if session := self._running.get(wanted):
            session.cancel()
        return JSONResponse({"data": None, "success": True})

    async def query(self, request: Request) -> JSONResponse:
        """Run a statement; a request id that came before gets the first one's answer."""
        session = self._session(request)
        body = await _body(request)
        request_id = request.query_params.get("requestId", "")
        key = f"{session.token}:{request_id}"
        with self._mutex:
            known = self._requests.get(key) if request_id else None
            if known is None:
                future: Future[Answer] = Future()
                self._requests[key] = future
                while len(self._requests) > _KEPT_REQUESTS:
                    self._requests.popitem(last=False)
        if known is not None:
            return JSONResponse(await asyncio.wrap_future(known))
        self._running[request_id] = session
        try:
            answer = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._answer, session, body, f"{request.base_url}results"
            )
        except BaseException as error:
            answer = _failure(
                translate(error if isinstance(error, Exception) else SqlError(604, "57014", "canceled"))
            )
            future.set_result(answer)
            raise
        finally:
            self._running.pop(request_id, None)
        future.set_result(answer)
        return JSONResponse(answer)

    def _answer(self, session: Session, body: dict[str, Any], address: str) -> Answer:
        text = str(body.get("sqlText", ""))
        started = time.monotonic()
        error: SqlError | None = None
        result: Result | None = None
        try:
            parameters, batch = _bindings(body.get("bindings") or {})
            if body.get("asyncExec"):
                raise SqlError(2, "0A000", f"{PRODUCT} does not run statements asynchronously.")
            describe_only = bool(body.get("describeOnly"))
            result = session.run(
                text, lambda s, t: statements.execute(s, t, parameters, batch, describe_only=describe_only)
            )
            is_query = result.type_id not in DML_TYPE_IDS
            data = session.parts.first(result, address) if is_query else _counts(result)
        except Exception as failure:  # see _guarded
            error = translate(failure)
            if not isinstance(failure, SqlError):
                logger.error("statement failed: %s", error.message, exc_info=failure)
            data = {}
        self._remember(session, text, started, result, error)
        if error is not None:
            return _failure(error, session.query_id)
        assert result is not None
        data |= {
            "parameters": [{"name": "TIMEZONE", "value": session.parameters.value("TIMEZONE")}],
            "queryId": session.query_id,
            "statementTypeId": result.type_id,
            "numberOfBinds": 0,
            "arrayBindSupported": False,
            "finalDatabaseName": session.database,
            "finalSchemaName": session.schema,
            "finalRoleName": session.role,
            "finalWarehouseName": session.warehouse,
            **result.extra,
        }
        return {"data": data, "success": True, "code": None, "message": None}

    def _remember(
        self, session: Session, text: str, started: float, result: Result | None, error: SqlError | None
    ) -> None:
        self.instance.history.add(
            Query(
                query_id=session.query_id or "",
                text=text,
                database=session.database,
                schema=session.schema,
                session_id=session.id,
                user=session.user,
                role=session.role,
                warehouse=session.warehouse,
                tag=session.parameters.value("QUERY_TAG"),
                status="FAILED_WITH_ERROR" if error else "SUCCESS",
                error_code=f"{error.errno:06d}" if error else None,
                error_message=error.message if error else None,
                started=session.statement_started,
                ended=datetime.now(UTC),
                milliseconds=int((time.monotonic() - started) * 1000),
                rows=result.rowcount if result else 0,
                transaction_id=session.transaction.id if session.transaction else 0,
            )
        )


def _where(session: Session) -> dict[str, str | None]:
    return {
        "databaseName": session.database,
        "schemaName": session.schema,
        "warehouseName": session.warehouse,
        "roleName": session.role,
    }


def _counts(result: Result) -> dict[str, Any]:
    """DML results go as JSON: clients read the counts from there."""
    data = encode(result)
    del data["rowsetBase64"]
    values = [[str(v) for v in row.values()] for row in result.table.to_pylist()]
    return {**data, "queryResultFormat": "json", "rowset": values}


def _bindings(bindings: dict[str, dict[str, Any]]) -> tuple[dict[str, Any] | None, list[list[Any]] | None]:
    if not bindings:
        return None, None
    if any(isinstance(b.get("value"), list) for b in bindings.values()):
        places = sorted(bindings.items(), key=lambda item: int(item[0]))
        return None, [[bound({**b, "value": v}) for v in b["value"]] for _, b in places]
    return {name: bound(b) for name, b in bindings.items()}, None


def credentials() -> tuple[str, str] | None:
    """User and password from HEADRACE_LOCAL_SNOWFLAKE_USER and _PASSWORD; None, any pair, when neither is
    set."""
    user = os.environ.get("HEADRACE_LOCAL_SNOWFLAKE_USER")
    password = os.environ.get("HEADRACE_LOCAL_SNOWFLAKE_PASSWORD")
    if user is None and password is None:
        return None
    if not user or not password:
        raise SqlError(
            603,
            "XX000",
            "Set both HEADRACE_LOCAL_SNOWFLAKE_USER and HEADRACE_LOCAL_SNOWFLAKE_PASSWORD, or neither.",
        )
    return user, password


def serve(host: str, port: int, data_dir: Path | str, detached_seconds: float = 10.0) -> None:
    """Serve the local Snowflake (emulated) until SIGTERM or SIGINT. Blocks.

    ``host`` must be a loopback address. Data is kept under ``data_dir`` and survives restarts and kill -9.
    ``detached_seconds``: an open transaction ends this long after its client's connections are gone.
    """
    if host not in ("127.0.0.1", "::1", "localhost"):
        raise SqlError(603, "XX000", f"{PRODUCT} listens on loopback only, not on {host}.")
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of each command that we read ourselves
    instance = Instance(Path(data_dir), credentials(), detached_seconds)
    app = App(instance)
    config = uvicorn.Config(
        app.starlette(),
        host=host,
        port=port,
        log_level="warning",
        timeout_keep_alive=86_400,
        http=app.connections.protocol(),
        lifespan="off",
        timeout_graceful_shutdown=3,
    )
    app.connections.start()
    try:
        uvicorn.Server(config).run()
    finally:
        app.connections.stop()
        instance.close()
