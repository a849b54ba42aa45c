"""sling: a program of its own that writes CSV files; its Parquet needs a download at run time."""

from __future__ import annotations

import os
import subprocess

import sling_linux_amd64

from bench.runners.probe import Job, main


def extract(job: Job) -> None:
    """Run sling from the table to one CSV file. Raises RuntimeError with the end of what it said."""
    schema = "public" if job.kind == "postgres" else job.database
    target = f"file://{job.folder}/part.csv"
    scheme = {"postgres": "postgresql", "mysql": "mysql"}[job.kind]
    options = "?sslmode=disable" if job.kind == "postgres" else ""
    env = {
        **os.environ,
        "BENCH_SOURCE": job.url(scheme) + options,
        "SLING_HOME_DIR": str(job.folder.parent / "sling"),
        "SLING_DISABLE_TELEMETRY": "TRUE",
        "DO_NOT_TRACK": "1",
    }
    command = [sling_linux_amd64.SLING_BIN, "run", "--src-conn", "BENCH_SOURCE"]
    done = subprocess.run(
        [*command, "--src-stream", f"{schema}.{job.table}", "--tgt-object", target],
        env=env,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stdout.strip()[-500:])


if __name__ == "__main__":
    main(extract)
