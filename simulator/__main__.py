"""`python -m simulator`: the same as the command `rooftile`."""

import sys

from simulator.cli import main

sys.exit(main())
