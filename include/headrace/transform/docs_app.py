"""The page of dbt's documentation for whoever is signed in to Airflow, an application of its API server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

PREFIX = "/dbt-docs"
NOTHING_YET = (
    "<!doctype html><title>dbt docs</title><p>There is no documentation yet. Run the DAG "
    "<code>dbt_docs</code>, or <code>python -m include.headrace docs</code>.</p>"
)
Message = MutableMapping[str, Any]


class DocsApp:
    """The application, made when it is first asked: tasks load Airflow's plugins too, and need none of it."""

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer a request."""
        await _app()(scope, receive, send)


@cache
def _app() -> FastAPI:
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
    from airflow.api_fastapi.core_api.security import requires_access_view
    from fastapi import Depends, FastAPI, Response

    from include.headrace import settings
    from include.headrace.transform.docs_site import kept_docs

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    # The guard of Airflow's own pages: a signed-in user who may see its website. It is the only route.
    @app.get("/", dependencies=[Depends(requires_access_view(AccessView.WEBSITE))])
    def documentation() -> Response:
        page = kept_docs(settings.docs_location())
        headers = {"Cache-Control": "no-store"}
        if page is None:
            return Response(NOTHING_YET, 404, headers, media_type="text/html")
        return Response(page, 200, headers, media_type="text/html")

    return app
