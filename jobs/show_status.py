"""What runs, what ran and how it ended, what serves, and how to go on. Needs no Spark."""

import sys
from pathlib import Path

if __name__ == "__main__":
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.show_status import show_status

    conf_folder = Path(__file__).parents[1] / "conf"
    sys.exit(run_job("show_status", show_status, conf_folder=conf_folder, looks_only=True))
