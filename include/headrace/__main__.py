"""``python -m include.headrace``."""

import sys

from include.headrace.cli import main

sys.exit(main())
