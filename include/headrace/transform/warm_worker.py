"""A warm dbt worker: a process with dbt loaded that runs one request after another from its socket.

A request is a line of JSON: args, env, project_dir, work_dir. The answers are lines too: the worker's process
id when it begins, then each of dbt's messages, then the outcome. A second line from the client, or its end,
cancels the run. What the worker prints goes to a file and holds no request.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from include.headrace import settings
from include.headrace.errors import HeadraceError
from include.headrace.transform import parsed
from include.headrace.transform.preload import DBT
from include.headrace.transform.rehearsal import rehearse, rehearse_project
from include.headrace.transform.running import Run
from include.headrace.transform.warm_pool import MODULE, Slot

MOST_RUNS = 200
MOST_MEMORY = 1 << 30
"""Bytes. A worker that has run so often, or holds so much, replaces itself with a fresh process."""
IDLE_SECONDS = 600
CHECK_SECONDS = 5
END_SECONDS = 10
"""How long a cancelled run may take to end before its worker ends itself."""
QUIET = ("--log-level", "none")
LEVELS = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


def serve(listener: socket.socket, slot: Slot) -> bool:
    """Answer requests until it is time to end. Returns True when a fresh process should go on instead.

    The end is due after ten idle minutes, and when the slot's socket is gone or another worker's.
    """
    own = slot.address.stat().st_ino
    listener.settimeout(CHECK_SECONDS)
    idle = 0
    runs = 0
    while idle < IDLE_SECONDS and _inode(slot.address) == own:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            idle += CHECK_SECONDS
            continue
        idle = 0
        connection.settimeout(None)
        with connection:
            used = _answer(connection)
        if used is not None:
            _prepare(used)
            runs += 1
        if runs >= MOST_RUNS or memory() > MOST_MEMORY:
            return True
    return False


def memory() -> int:
    """Bytes of memory that this process holds now (its resident set)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=True
    )
    return int(shown.stdout) * 1024


def _answer(connection: socket.socket) -> Path | None:
    """Run the request of a connection; returns the file of the manifest it used, if it came to that."""
    with connection.makefile("rb") as lines:
        line = lines.readline()
        if not line:
            return None
        request = json.loads(line)
        send = _sender(connection)
        send({"worker": os.getpid()})
        run = Run(request["args"], request["env"], Path(request["project_dir"]), Path(request["work_dir"]))
        over = threading.Event()
        watcher = threading.Thread(target=_watch, args=(lines, run, over), daemon=True)
        watcher.start()
        try:
            result = run.execute(QUIET, lambda event: _pass_on(event, send))
            send({"success": result.success, "error": result.error})
        except HeadraceError as error:
            send({"raised": type(error).__name__, "error": str(error)})
        finally:
            over.set()
            _end_reading(connection)
            watcher.join()
        return run.manifest


def _prepare(kept: Path) -> None:
    """Make ready for another run like the last: a run changes its manifest, so a new one is decoded."""
    if kept.exists():
        parsed.hold(kept)


def _watch(lines: Any, run: Run, over: threading.Event) -> None:
    """Cancel a run when its client says so or is gone; end this process when the run does not end then."""
    lines.readline()
    if over.is_set():
        return
    run.cancel()
    if not over.wait(END_SECONDS):
        print(f"The cancelled run did not end within {END_SECONDS} s; this worker ends.", flush=True)
        os._exit(1)


def _sender(connection: socket.socket) -> Callable[[dict[str, Any]], None]:
    """What sends an answer; when the client is gone there is nobody to tell, and the watcher knows."""
    mutex = threading.Lock()

    def send(answer: dict[str, Any]) -> None:
        with mutex:
            try:
                connection.sendall(json.dumps(answer).encode() + b"\n")
            except (BrokenPipeError, ConnectionResetError):
                return

    return send


def _pass_on(event: Any, send: Callable[[dict[str, Any]], None]) -> None:
    if event.info.level in LEVELS and event.info.msg:
        send({"level": LEVELS[event.info.level], "message": event.info.msg})


def _end_reading(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError:  # the client ended it first
        return


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _listen(slot: Slot) -> socket.socket:
    """Listen in the slot's place, instead of whoever did before."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    new = slot.address.with_suffix(".sock.new")
    new.unlink(missing_ok=True)
    listener.bind(str(new))
    new.chmod(0o600)
    listener.listen()
    new.rename(slot.address)
    return listener


def _warm_up() -> None:
    # Its native thread pool is of no use here, and it asks which cloud this is.
    os.environ.update(SNOWFLAKE_DISABLE_MINICORE="1", SNOWFLAKE_DISABLE_PLATFORM_DETECTION="true")
    for name in DBT:
        importlib.import_module(name)
    rehearse()
    rehearse_project(settings.DBT_DIR)
    parsed.hold_newest()
    gc.collect()
    gc.freeze()


def main() -> None:
    """``warm_worker <folder> <slot> <descriptor>``: begin, and write to the descriptor when it listens.

    ``warm_worker <folder> <slot> listening <descriptor>`` goes on in the place of a worker that ends.
    """
    slot = Slot(Path(sys.argv[1]), int(sys.argv[2]))
    if sys.argv[3] == "listening":
        listener = socket.socket(fileno=int(sys.argv[4]))
        _warm_up()
    else:
        if os.fork():
            os._exit(0)
        ready = int(sys.argv[3])
        _warm_up()
        listener = _listen(slot)
        os.write(ready, b"1")
        os.close(ready)
    if serve(listener, slot):
        sys.stdout.flush()
        os.set_inheritable(listener.fileno(), True)
        place = [str(slot.folder), str(slot.number), "listening", str(listener.fileno())]
        os.execv(sys.executable, [sys.executable, "-m", MODULE, *place])


if __name__ == "__main__":
    main()
