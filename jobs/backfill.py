"""Features as of every day of a span; begun again, it goes on where it stopped."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("backfill")
    from userprofile.pipelines.backfill import backfill
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("backfill", backfill, conf_folder=Path(__file__).parents[1] / "conf"))
