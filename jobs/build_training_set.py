"""silver.events -> gold.training_examples of several as-of dates."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("build_training_set")
    from userprofile.pipelines.build_training_set import build_training_set
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("build_training_set", build_training_set, conf_folder=Path(__file__).parents[1] / "conf"))
