"""`python -m bnstudy` is the command `bnstudy`."""

import sys

from bnstudy.cli.main import main

sys.exit(main())
