"""Saved tables as two runs left them -> what differs."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("compare_runs")
    from userprofile.pipelines.compare_runs import compare_runs
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("compare_runs", compare_runs, conf_folder=Path(__file__).parents[1] / "conf"))
