"""Airflow imports this module in each of its processes, from the folder it finds on PYTHONPATH.

Every public name would overwrite one of ``airflow.settings``, hence the empty ``__all__``.
"""

import os
import sys

from include.headrace.transform.preload import preload

__all__: list[str] = []

# Cosmos reports use from a listener in the scheduler, dbt from each run; both heed this.
os.environ.setdefault("DO_NOT_TRACK", "1")
preload(sys.argv)
