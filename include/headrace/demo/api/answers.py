"""Answers of the API: JSON, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response


def json_answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of JSON. Parts that are msgspec.Raw are sent as they are."""
    return Response(msgspec.json.encode(content), status, dict(headers or {}), "application/json")


def problem(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error's answer."""
    return json_answer({"error": {"code": code, "message": message}}, status, headers)
