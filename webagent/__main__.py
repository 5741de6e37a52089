"""``python -m webagent`` is the command ``webagent``."""

import sys

from webagent.cli import main

sys.exit(main())
