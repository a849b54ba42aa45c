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
WIDTH, HEIGHT, LEAST_HEIGHT, MARGIN = 1400, 1300, 640, 24
GRID_WIDTH = 620
WAIT_MS = 60_000
TRIES, PAUSE_MS = 5, 2000
GRIDS: dict[str, list[str]] = {
    "ingest__operations": ["flights"],
    "transform": ["layer__staging", "stg_operations__flights", "layer__marts", "fct_flights"],
}
"""The DAGs, each with the groups to open, from the outside in."""


def sign_in(page: Page, login: dict[str, Any]) -> None:
    """Sign in with the password of this run."""
    page.goto(f"{login['url']}/auth/login")
    page.fill("input[name=username]", login["user"])
    page.fill("input[name=password]", login["password"])
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/auth/login" not in url, timeout=WAIT_MS)


def show_run(page: Page, address: str, groups: list[str]) -> None:
    """Show a DAG's latest run beside its grid, with some groups of the grid open."""
    page.goto(address)
    page.locator("a[href*='/runs/']").first.click()
    page.wait_for_url("**/runs/**")
    widen_grid(page)
    for group in groups:
        open_group(page, group)


def widen_grid(page: Page) -> None:
    """Give the grid the room that names of tests need. Nothing moves while the page is being drawn."""
    handle = page.locator(".resize-handle").first
    y = HEIGHT - 100
    for _ in range(TRIES):
        page.wait_for_timeout(PAUSE_MS)
        if (place := handle.bounding_box()) is None:
            continue
        page.mouse.move(place["x"] + place["width"] / 2, y)
        page.mouse.down()
        page.mouse.move(GRID_WIDTH, y, steps=5)
        page.mouse.up()
        if (place := handle.bounding_box()) is not None and abs(place["x"] - GRID_WIDTH) < MARGIN:
            return
    raise RuntimeError("the grid does not become wider")


def open_group(page: Page, group: str) -> None:
    """Open a group of the grid. A click is lost where the rows are just being drawn anew."""
    rows = page.locator("[data-testid^='task-']")
    row = page.get_by_test_id(f"task-{group}")
    row.wait_for()
    before = rows.count()
    for _ in range(TRIES):
        row.get_by_label("Toggle group").first.click()
        page.wait_for_timeout(PAUSE_MS)
        if rows.count() > before:
            return
    raise RuntimeError(f"the group {group} of the grid does not open")


def bottom_of_grid(page: Page) -> float:
    """Where the last row of the grid ends, in pixels."""
    boxes = [row.bounding_box() for row in page.locator("[data-testid^='task-']").all()]
    return max((box["y"] + box["height"] for box in boxes if box), default=0)


def main(run_file: str, folder: str, chromium: str) -> None:
    """Take every grid, each cut off below its last row."""
    login = json.loads(Path(run_file).read_text())["airflow"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(WAIT_MS)
        sign_in(page, login)
        for dag_id, groups in GRIDS.items():
            show_run(page, f"{login['url']}/dags/{dag_id}", groups)
            height = min(max(bottom_of_grid(page) + MARGIN, LEAST_HEIGHT), HEIGHT)
            path = Path(folder) / f"{dag_id}.png"
            page.screenshot(path=path, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
            print(path)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
