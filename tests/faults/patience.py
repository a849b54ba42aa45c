"""Short waits: a test of a broken connection gives up in seconds, Headrace after half an hour."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from include.headrace import session
from include.headrace.readers import graphql, http_client
from include.headrace.readers.http_retry import Patience
from tests.faults import network_snowflake


@contextmanager
def short_waits() -> Iterator[None]:
    """Give up early while this lasts, and leave all as it was.

    The connector's timers end with an error in their own threads when a connection is gone: those are kept
    quiet.
    """
    quick = functools.partial(Patience, tries=3, first_wait_seconds=0.01)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "NETWORK_TIMEOUT_SECONDS", network_snowflake.NETWORK_SECONDS)
        patch.setattr(session, "LOGIN_TIMEOUT_SECONDS", network_snowflake.LOGIN_SECONDS)
        patch.setattr(threading, "excepthook", lambda args: None)
        patch.setattr(http_client, "Patience", quick)
        patch.setattr(graphql, "Patience", quick)
        yield
