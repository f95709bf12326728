"""`python -m bench`."""

import os
import sys

# Python puts the folder that one starts in before its own modules; `bench.cli` puts it behind.
if not sys.flags.safe_path and sys.path and sys.path[0] == os.getcwd():  # noqa: PTH109
    del sys.path[0]

from bench.cli import main

if __name__ == "__main__":
    main()
