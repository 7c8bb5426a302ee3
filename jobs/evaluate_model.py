"""A model and examples it did not learn from -> the page of how good it is."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("evaluate_model")
    from userprofile.pipelines.evaluate_model import evaluate_model
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("evaluate_model", evaluate_model, conf_folder=Path(__file__).parents[1] / "conf"))
