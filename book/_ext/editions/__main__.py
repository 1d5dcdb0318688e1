"""Run the command as `python -m editions`."""

import sys

from editions.command_line import main

if __name__ == "__main__":
    sys.exit(main())
