"""Check Python, Java, Spark, Delta Lake, TensorFlow and Horovod: one line each, exit code 0, or 4 for a mismatch."""

from __future__ import annotations

import argparse
import sys

from userprofile.doctor import main

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    sys.exit(main())
