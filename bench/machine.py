"""What the machine is, as the page says it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil


def description() -> str:
    """Processor, cores, memory, system and Python, in one line."""
    cores = psutil.cpu_count() or 0
    memory = psutil.virtual_memory().total / 1024**3
    return (
        f"{_processor()}, {cores} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = (
        [line for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return names[0].split(":", 1)[1].strip() if names else platform.processor() or "unknown processor"
