"""The parsed manifests that runs of dbt are handed, so that a task does not parse the project again.

A manifest carries the databases, schemas and variables it was parsed with: one parsed for ``dev``
and handed to a run of ``prod`` writes to DEV and succeeds. Each is therefore kept under an identity
made of all that goes into it, and is checked against that identity each time it is read.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from include.headrace import settings
from include.headrace.errors import PermanentError
from include.headrace.transform.profile import WHERE_AND_WHO
from include.headrace.transform.project_files import project_state

FILE = "partial_parse.msgpack"
KEPT = 8
"""How many manifests are kept; every change of the project makes one, of about a megabyte."""


class ManifestMismatchError(PermanentError):
    """A kept manifest is not the one its place says: it must not be handed to a run."""


@dataclass(frozen=True)
class Identity:
    """All that goes into a manifest.

    ``project`` hashes the files and dbt's versions; ``env`` holds a hash of the value of every
    environment variable that the project's files name, but for those of the account's address and
    secrets, which dbt does not write into a manifest; ``variables`` is what ``--vars`` was given.
    """

    target: str
    project: str
    env: Mapping[str, str]
    variables: str

    @property
    def key(self) -> str:
        """The name of the folder this manifest is kept in."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]


def identify(project_dir: Path, target: str, env: Mapping[str, str], variables: str) -> Identity:
    """The identity of the manifest that a run with these arguments needs."""
    state = project_state(project_dir)
    hashes = {
        name: hashlib.sha256(env[name].encode()).hexdigest() if name in env else "unset"
        for name in sorted(state.variables.difference(WHERE_AND_WHO))
    }
    return Identity(target, state.digest, hashes, variables)


def store_dir() -> Path:
    """The folder of kept manifests, below AIRFLOW_HOME."""
    return Path(os.environ.get("AIRFLOW_HOME", settings.LOCAL_DIR / "airflow")) / "manifests"


def kept_manifest(identity: Identity, parse: Callable[[Path], object], store: Path | None = None) -> Path:
    """The file of the manifest with this identity, made by ``parse`` when there is none.

    ``parse`` is given an empty folder and leaves :data:`FILE` in it. When many tasks need the same
    manifest, one parses and the others wait. Raises ManifestMismatchError when the file found there
    was not made for this identity.
    """
    store = store or store_dir()
    store.mkdir(parents=True, exist_ok=True)
    folder = store / identity.key
    if not folder.exists():
        with (store / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                _make(identity, parse, folder)
    _check(identity, folder)
    return folder / FILE


def keep(identity: Identity, packed: Path, store: Path | None = None) -> None:
    """Keep a manifest that was parsed for this identity, so that no task has to. ``packed`` stays.

    It is the newest of those kept then, even where it was kept before.
    """
    kept = kept_manifest(identity, lambda folder: shutil.copy(packed, folder / FILE), store)
    for path in (kept, kept.parent):
        os.utime(path)


def _make(identity: Identity, parse: Callable[[Path], object], folder: Path) -> None:
    scratch = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        parse(scratch)
        digest = hashlib.sha256((scratch / FILE).read_bytes()).hexdigest()
        (scratch / "identity.json").write_text(json.dumps({**asdict(identity), "sha256": digest}, indent=1))
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    kept = sorted((p for p in folder.parent.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
    for old in kept[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _check(identity: Identity, folder: Path) -> None:
    recorded = json.loads((folder / "identity.json").read_text())
    digest = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()
    if recorded != {**asdict(identity), "sha256": digest}:
        raise ManifestMismatchError(
            f"The manifest in {folder} was made for target {recorded.get('target')!r} or has changed since; "
            f"this run of target {identity.target!r} did not use it. Delete that folder and run again."
        )
