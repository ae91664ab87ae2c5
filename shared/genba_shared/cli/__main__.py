"""``python -m genba_shared.cli``: the same as the command `genba`, for processes that start one another."""

import sys

from genba_shared.cli import main

sys.exit(main())
