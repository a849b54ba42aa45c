"""Makes ``.venv`` from requirements.lock. Standard library alone: it runs before anything is installed.

Does nothing when the lock, the lists of system packages and the interpreter are those of the last set-up.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
PACKAGES = (ROOT / "packages.txt", ROOT / "packages-local.txt")
STAMP = VENV / ".headrace"


class SetupError(Exception):
    """Set-up cannot go on; the message says what to run."""


def say(message: str) -> None:
    print(f"setup: {message}", file=sys.stderr, flush=True)


def environment() -> dict[str, str]:
    """The environment for installers: a company's certificates and package index hold for uv as for pip."""
    env = {**os.environ, "UV_SYSTEM_CERTS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    env.pop("VIRTUAL_ENV", None)
    if "PIP_INDEX_URL" in env:
        env.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])
    return env


def run(*command: str | Path, quiet: bool = False) -> None:
    """Run a command, its output on stderr. Raises SetupError when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, check=False, env=environment(), cwd=ROOT, stdout=subprocess.PIPE if quiet else sys.stderr
    )
    if done.returncode:
        raise SetupError(f"this failed with code {done.returncode}: {' '.join(words)}")


def fingerprint() -> str:
    """What a set-up depends on: interpreter, lock and system packages."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (LOCK, *PACKAGES, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def wanted_packages() -> list[str]:
    """The Debian packages to have: those of the two lists, and what Debian splits off from Python."""
    lines = [line for path in PACKAGES for line in path.read_text().splitlines()]
    names = [name for line in lines if (name := line.split("#")[0].strip())]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        names.append(f"{version}-dev")
    if importlib.util.find_spec("ensurepip") is None and not shutil.which("uv"):
        names.append(f"{version}-venv")
    return names


def missing_packages(names: list[str]) -> list[str]:
    """Those of the Debian packages that dpkg does not know as installed."""
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}\n", *names]
    shown = subprocess.run(query, check=False, capture_output=True, text=True).stdout.splitlines()
    installed = {line.split()[1] for line in shown if line.startswith("installed ")}
    return [name for name in names if name not in installed]


def install_packages() -> None:
    """Install what the two lists name, where apt is and the right to use it; else say what to run."""
    names = wanted_packages()
    if not shutil.which("dpkg-query"):
        if sys.platform != "darwin":
            say(f"no apt here; should a build below fail, install what Debian calls {' '.join(names)}")
        return
    missing = missing_packages(names)
    if not missing:
        return
    if os.geteuid() == 0:
        apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    elif shutil.which("sudo") and not subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode:
        apt = ["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    else:
        line = f"sudo apt-get update && sudo apt-get install -y {' '.join(missing)}"
        raise SetupError(f"system packages are missing. Run this, then the same again:\n  {line}")
    say(f"installing {' '.join(missing)}")
    run(*apt, "update", "-qq")
    run(*apt, "install", "-y", "-qq", "--no-install-recommends", *missing, quiet=True)


def make_venv() -> None:
    """Make ``.venv`` with this interpreter, over one that is broken or of another Python.

    Raises SetupError for a link: what it leads to belongs to another checkout and would be emptied.
    """
    if VENV.is_symlink():
        raise SetupError(f".venv is a link to {VENV.readlink()}; remove the link, then run the same again.")
    say(f"making .venv with Python {sys.version.split()[0]}")
    uv = shutil.which("uv")
    base = os.path.realpath(sys.executable) if sys.prefix != sys.base_prefix else sys.executable
    if uv:
        run(uv, "venv", "--quiet", "--clear", "--python", base, VENV)
    else:
        run(base, "-m", "venv", "--clear", VENV)


def can_install() -> bool:
    """False for a ``.venv`` that uv made without pip, on a machine that no longer has uv."""
    return any((VENV / "bin" / tool).exists() for tool in ("pip", "uv")) or bool(shutil.which("uv"))


def find_uv() -> str | None:
    """uv from PATH, or from ``.venv``, put there by pip; None where it cannot be had."""
    found = shutil.which("uv") or shutil.which("uv", path=str(VENV / "bin"))
    if found is None:
        with contextlib.suppress(SetupError):
            run(PYTHON, "-m", "pip", "install", "--quiet", "uv")
        found = shutil.which("uv", path=str(VENV / "bin"))
    return found


def install_requirements() -> None:
    """Install exactly the lock, bytecode compiled: an import from source costs twice the time."""
    say("installing requirements.lock")
    uv = find_uv()
    if uv is not None:
        options = ["--quiet", "--no-deps", "--compile-bytecode"]
        try:
            run(uv, "pip", "install", *options, "--python", PYTHON, "-r", LOCK)
            return
        except SetupError as error:
            # pip may know a package index from its own configuration that uv does not read.
            if not (VENV / "bin" / "pip").exists():
                raise
            say(f"{error}; trying pip")
    say("pip takes a few minutes more than uv")
    run(PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--compile", "-r", LOCK)


def solve() -> None:
    """Solve requirements-local.in, and with it requirements.txt, into requirements.lock."""
    uv = find_uv()
    if uv is None:
        raise SetupError("the lock is made by uv, which cannot be installed here")
    options = ["--quiet", "--universal", "--upgrade", "--python-version", "3.11"]
    command = ["--custom-compile-command", "make lock"]
    run(uv, "pip", "compile", *options, *command, "requirements-local.in", "-o", LOCK, quiet=True)
    say("requirements.lock is solved; the next target installs it")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the lock that keeps two set-ups of one checkout apart."""
    (ROOT / ".local").mkdir(exist_ok=True)
    with (ROOT / ".local" / "setup.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> int:
    """Set up, or solve the lock when the argument is ``--lock``. Returns the exit code."""
    try:
        with alone():
            if arguments == ["--lock"]:
                solve()
            elif not STAMP.exists() or STAMP.read_text() != fingerprint():
                install_packages()
                if not PYTHON.exists() or Path(sys.prefix).resolve() != VENV or not can_install():
                    make_venv()
                install_requirements()
                STAMP.write_text(fingerprint())
                say("done")
    except SetupError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
