"""`python -m bnstudy` is the command `bnstudy`."""

import sys

from bnstudy.cli import main

sys.exit(main())
