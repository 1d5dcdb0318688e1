"""Run the command as `python -m grader`."""

import sys

from grader.command_line import main

if __name__ == "__main__":
    sys.exit(main())
