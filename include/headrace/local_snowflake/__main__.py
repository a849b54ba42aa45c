"""``python -m include.headrace.local_snowflake --port N --data DIR``: the server alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from include.headrace.local_snowflake.server import serve


def main() -> None:
    """Read the options and serve until stopped."""
    parser = argparse.ArgumentParser(description="The local Snowflake (emulated), on 127.0.0.1.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="directory for databases and stages")
    parser.add_argument(
        "--detached-seconds", type=float, default=10.0, help="a dead client's transaction ends after"
    )
    options = parser.parse_args()
    serve("127.0.0.1", options.port, options.data, options.detached_seconds)


if __name__ == "__main__":
    main()
