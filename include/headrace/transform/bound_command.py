"""Run a command that ends with whoever holds the other end of standard input, however that one ends.

``python bound_command.py <seconds> <command>...`` leads a process group. A process that is killed with -9
cannot tell its children; the system closes its pipes. Nothing here is imported but the standard library.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time


def _end_with_holder(seconds: float) -> None:
    """Interrupt the group once standard input is at its end; kill it after ``seconds`` more."""
    while os.read(0, 1):
        continue
    os.killpg(0, signal.SIGINT)
    time.sleep(seconds)
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    """Returns the command's exit code, 128 and the signal's number when a signal ended it."""
    # The command is interrupted, this process waits for it. Unlike SIG_IGN, a handler is not inherited.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    with subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL) as command:
        seconds = float(sys.argv[1])
        threading.Thread(target=_end_with_holder, args=(seconds,), daemon=True).start()
        code = command.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
