"""``raycluster evaluate`` as a script, for ``ray job submit``: the same flags, the same help."""

import sys

from raycluster.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
