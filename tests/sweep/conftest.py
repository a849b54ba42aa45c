from __future__ import annotations

from tests.load.conftest import open_session, shop, snowflake

__all__ = ["open_session", "shop", "snowflake"]
