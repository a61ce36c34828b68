"""Run the command line: `python -m bookproof`."""

import sys

from bookproof.models.cli import main

if __name__ == "__main__":
    sys.exit(main())
