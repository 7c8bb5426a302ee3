"""Saved tables -> report/<source>/index.html."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("build_report")
    from userprofile.pipelines.build_report import build_report
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("build_report", build_report, conf_folder=Path(__file__).parents[1] / "conf"))
