"""The demo's API on loopback, until it is told to stop.

``PUT /control`` makes it fail on demand; include/headrace/demo/api/behaviour.py says how.
"""

from __future__ import annotations

import argparse

import uvicorn

from include.headrace.demo.api.app import application
from include.headrace.demo.api.behaviour import Behaviour
from include.headrace.demo.api.credentials import Credentials
from include.headrace.errors import ConfigError

HOST = "127.0.0.1"


def main() -> None:
    """Serve until SIGTERM or SIGINT. The secrets come from the environment (see ``Credentials``)."""
    behaviour = Behaviour()
    parser = argparse.ArgumentParser(prog="python -m include.headrace.demo.api", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="the port of loopback to listen on")
    parser.add_argument(
        "--requests-per-second",
        type=float,
        default=behaviour.requests_per_second,
        help="the rate limit (default: %(default)s)",
    )
    parser.add_argument(
        "--token-seconds",
        type=int,
        default=behaviour.token_seconds,
        help="how long a token lasts (default: %(default)s)",
    )
    arguments = parser.parse_args()
    try:
        credentials = Credentials.from_environment()
    except ConfigError as error:
        parser.error(str(error))
    app = application(
        credentials,
        Behaviour(requests_per_second=arguments.requests_per_second, token_seconds=arguments.token_seconds),
    )
    uvicorn.run(
        app,
        host=HOST,
        port=arguments.port,
        loop="asyncio",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
