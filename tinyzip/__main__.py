"""python -m tinyzip: the command line, see `cli`."""

import sys

from tinyzip.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
