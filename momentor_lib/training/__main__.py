"""``python -m momentor_lib.training`` and ``accelerate launch -m momentor_lib.training``: ``momentor train``, for several processes too."""

import sys

from momentor_lib.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
