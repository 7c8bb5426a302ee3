"""The whole path: raw log to one profile row per user, and the page."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("run")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.run import run_path

    sys.exit(run_job("run", run_path, conf_folder=Path(__file__).parents[1] / "conf"))
