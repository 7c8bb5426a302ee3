"""Saved tables -> report/<source>/index.html."""

import sys
from pathlib import Path

from userprofile.pipelines.build_report import build_report
from userprofile.pipelines.job import run_job

if __name__ == "__main__":
    sys.exit(run_job("build_report", build_report, conf_folder=Path(__file__).parents[1] / "conf"))
