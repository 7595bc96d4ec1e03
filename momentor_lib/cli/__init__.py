"""``momentor``: the library's commands.

What a command computes goes to standard output, everything else to standard error. A user's mistake gives one line that says what is
wrong and what to do, and exit code 2. What the commands need is imported when one runs, so that ``momentor --help`` is quick.
"""

from momentor_lib.cli.app import main

__all__ = ["main"]
