"""Takes the Airflow grid in a browser: ``pictures_of_grid.py run.json folder chromium``.

Runs in the virtual environment that bin/pictures.py makes for Playwright. Prints the path of each picture.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright  # type: ignore[import-not-found]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZE = {"width": 1400, "height": 900}
WAIT_MS = 60_000
GRIDS: dict[str, list[str]] = {"ingest__operations": [], "transform": []}
"""The DAGs, each with the groups to open; none means all."""


def sign_in(page: Page, login: dict[str, Any]) -> None:
    """Sign in with the password of this run."""
    page.goto(f"{login['url']}/auth/login")
    page.fill("input[name=username]", login["user"])
    page.fill("input[name=password]", login["password"])
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/auth/login" not in url, timeout=WAIT_MS)


def main(run_file: str, folder: str, chromium: str) -> None:
    """Take every grid."""
    login = json.loads(Path(run_file).read_text())["airflow"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(WAIT_MS)
        sign_in(page, login)
        for dag_id in GRIDS:
            page.goto(f"{login['url']}/dags/{dag_id}")
            page.wait_for_timeout(5000)
            path = Path(folder) / f"{dag_id}.png"
            page.screenshot(path=path)
            path.with_suffix(".html").write_text(page.content())
            print(path)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
