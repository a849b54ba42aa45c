"""Takes the pictures of the README: ``make demo`` in a terminal, and the Airflow grid in a browser.

Both are the real programs. The demo runs to its end in xterm on a screen of its own; then everything
runs as with ``make up`` while Chromium, steered by bin/pictures_of_grid.py, looks at the grid.
Installs nothing on the machine: it says which Debian packages are missing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
WORK = ROOT / os.environ.get("HEADRACE_LOCAL_DIR", ".local") / "pictures"
REQUIREMENTS = PICTURES / "requirements.txt"
TOOLS = {
    "terminal": {"Xvfb": "xvfb", "xterm": "xterm", "import": "imagemagick", "script": "bsdutils"},
    "grid": {"chromium": "chromium", "convert": "imagemagick"},
}
"""The programs that each picture needs, with the Debian package that has them."""

COLUMNS, ROWS, BORDER = 100, 150, 14
SCREEN = "2000x5200x24"
FONT = ("-fa", "DejaVu Sans Mono", "-fs", "17")
COLOURS = ("-bg", "#16181d", "-fg", "#d8dbe2", "-cr", "#16181d")
DEMO = "make demo"
BEGINNING = "Loaded into the local Snowflake"
DEMO_SECONDS = 1800
UP_SECONDS = 600


class PictureError(Exception):
    """A picture cannot be taken; the message says what to do."""


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def check_tools(wanted: list[str]) -> None:
    """Raise PictureError with the line that installs what is missing."""
    needed = {tool: package for name in wanted for tool, package in TOOLS[name].items()}
    missing = {tool: package for tool, package in needed.items() if not shutil.which(tool)}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise PictureError(
            f"{', '.join(missing)} not found. On Debian or Ubuntu: sudo apt-get install -y {packages}"
        )


def run(*command: str | Path) -> str:
    """Run a command; its stdout. Raises PictureError when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise PictureError(f"this failed with code {done.returncode}: {' '.join(words)}")
    return done.stdout


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Raise PictureError when ``ready`` is not true in time."""
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise PictureError(f"{what} did not happen within {seconds:.0f} seconds")
        time.sleep(0.5)


@contextlib.contextmanager
def running(*command: str | Path, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs while in the block."""
    process = subprocess.Popen([str(word) for word in command], cwd=ROOT, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=120)
        if process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def screen() -> Iterator[str]:
    """An X display of its own; its name. The server picks a free number."""
    reading, writing = os.pipe()
    options = ("-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp")
    with running("Xvfb", *options, pass_fds=(writing,), stderr=subprocess.DEVNULL):
        os.close(writing)
        with os.fdopen(reading) as file:
            yield f":{file.readline().strip()}"


def box(picture: Path) -> tuple[int, int, int, int]:
    """Width, height, x and y of what differs from the colour of the corners."""
    size, x, y = run("convert", picture, "-format", "%@", "info:").split("+")
    width, height = size.split("x")
    return int(width), int(height), int(x), int(y)


def picture_of_demo() -> Path:
    """Run ``make demo`` in a terminal and take the summary it ends with."""
    log, ended, shot = WORK / "demo.log", WORK / "demo.ended", WORK / "screen.png"
    for path in (log, ended, shot):
        path.unlink(missing_ok=True)
    # script keeps what is printed, and the demo still writes to a terminal.
    # What the demo ends with is looked at without a cursor.
    program = f"script -qefc '{DEMO}' {log}; echo $? > {ended}; printf '\\033[?25l'; sleep 1000"
    window = ("-geometry", f"{COLUMNS}x{ROWS}+40+40", "-b", str(BORDER), "+sb", *FONT, *COLOURS)
    with screen() as display, running("xterm", "-display", display, *window, "-e", "sh", "-c", program):
        say("running make demo in a terminal")
        wait_until(lambda: ended.exists() and bool(ended.read_text()), DEMO_SECONDS, "the end of make demo")
        if ended.read_text().strip() != "0":
            raise PictureError(f"make demo failed; see {log}")
        time.sleep(2)
        run("import", "-display", display, "-window", "root", shot)
    return crop_summary(shot, log)


def crop_summary(shot: Path, log: Path) -> Path:
    """Cut the summary out of a screen, by the number of its lines in the log."""
    width, height, x, y = box(shot)
    window = WORK / "window.png"
    run("convert", shot, "-crop", f"{width}x{height}+{x}+{y}", "+repage", window)
    # script adds a line of its own at the end.
    shown = log.read_text(errors="replace").partition("\nScript done")[0].rstrip().split("\n")
    count = len(shown) - max(number for number, line in enumerate(shown) if BEGINNING in line)
    _, text_height, _, text_y = box(window)
    line_height = (height - 2 * BORDER) / ROWS
    last = int((text_y + text_height - BORDER - 1) / line_height)
    top = int(BORDER + (last + 1 - count) * line_height)
    bottom = int(BORDER + (last + 1) * line_height)
    summary, result = WORK / "summary.png", PICTURES / "demo.png"
    run("convert", window, "-crop", f"{width}x{bottom - top}+0+{top}", "+repage", summary)
    text_width, _, text_x, _ = box(summary)
    cut = f"{text_x + text_width}x{bottom - top}+0+0"
    sides = ("-gravity", "southeast", "-splice", f"{BORDER}x{BORDER}")
    top_side = ("-gravity", "north", "-splice", f"0x{BORDER}")
    margins = ("-background", COLOURS[1], *sides, *top_side)
    run("convert", summary, "-crop", cut, "+repage", *margins, "-colors", "48", f"PNG8:{result}")
    return result


def browser_python() -> Path:
    """The Python of a virtual environment that has Playwright, made the first time."""
    venv, stamp = WORK / "venv", WORK / "venv" / ".pictures"
    python = venv / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != REQUIREMENTS.read_text():
        say("installing Playwright")
        run(sys.executable, "-m", "venv", venv)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS)
        stamp.write_text(REQUIREMENTS.read_text())
    return python


def pictures_of_grid() -> list[Path]:
    """Start everything and take the grids of the runs that the demo left."""
    python = browser_python()
    run_file = WORK.parent / "run.json"

    def login() -> dict[str, str]:
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads(run_file.read_text()).get("airflow") or {})
        return {}

    environment = {**os.environ, "HEADRACE_SCHEDULES": "off"}
    with running(sys.executable, "-m", "include.headrace", "up", env=environment) as up:

        def ready() -> bool:
            if up.poll() is not None:
                raise PictureError("make up ended by itself; is another one running? See above.")
            return bool(login())

        wait_until(ready, UP_SECONDS, "the start of everything")
        taken = run(
            python, ROOT / "bin" / "pictures_of_grid.py", run_file, WORK, shutil.which("chromium") or ""
        )
    results = []
    for line in taken.splitlines():
        results.append(PICTURES / Path(line).name)
        run("convert", line, "-colors", "200", f"PNG8:{results[-1]}")
    return results


def main() -> int:
    """Take the pictures that are named, by default all. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Take the pictures of the README.")
    parser.add_argument("picture", nargs="*", choices=[[], *TOOLS], help="terminal, grid; by default both")
    wanted = parser.parse_args().picture or list(TOOLS)
    # Stopped from outside, this leaves nothing running either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        check_tools(wanted)
        WORK.mkdir(parents=True, exist_ok=True)
        taken = [picture_of_demo()] if "terminal" in wanted else []
        if "grid" in wanted:
            taken += pictures_of_grid()
    except PictureError as error:
        say(f"error: {error}")
        return 1
    for path in taken:
        say(f"wrote {path.relative_to(ROOT)}, {path.stat().st_size // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
