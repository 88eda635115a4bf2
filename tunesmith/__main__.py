"""`python -m tunesmith`: the same as the command `tunesmith`."""

import sys

from tunesmith.cli import main

sys.exit(main())
