"""`python tests/benchmarks`: see command.py."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # tests, where `benchmarks` and `support` are packages
    from benchmarks.command import main

    raise SystemExit(main())
