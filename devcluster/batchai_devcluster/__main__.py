"""Entry point of `python -m batchai_devcluster`; see cli.py."""

import sys

from batchai_devcluster.cli import main

sys.exit(main(sys.argv[1:]))
