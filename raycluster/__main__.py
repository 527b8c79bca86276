"""``python -m raycluster``."""

import sys

from raycluster.cli.main import main

sys.exit(main())
