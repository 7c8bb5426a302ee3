"""gold.training_examples -> the page of how training scales with its ranks."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("report_scaling")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.report_scaling import report_scaling

    sys.exit(run_job("report_scaling", report_scaling, conf_folder=Path(__file__).parents[1] / "conf"))
