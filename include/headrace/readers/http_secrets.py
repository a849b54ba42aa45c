"""Secrets of a connection, and texts without them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "***"


class Secrets:
    """Texts that no error and no log may hold, in every form that a request or an answer writes them."""

    def __init__(self, values: Iterable[str | None] = ()) -> None:
        self._forms: set[str] = set()
        for value in values:
            self.add(value)

    def add(self, value: str | None) -> None:
        """Hide a further text from now on."""
        if value:
            escaped = json.dumps(value)[1:-1]
            self._forms |= {value, quote(value), quote(value, safe=""), quote_plus(value), escaped}

    def hide(self, text: str) -> str:
        """The text with each secret replaced by ``***``, the longest first."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, HIDDEN)
        return text
