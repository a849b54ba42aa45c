"""How much memory a process has taken."""

from __future__ import annotations

import re
import resource
from pathlib import Path


def peak_mb() -> float:
    """The highest resident size of this process so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: Linux keeps it through execve, so it begins with the size of the tests' process.
        [peak] = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(peak) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
