"""gold.training_examples -> models/<model_version>/."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("train_model")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.train_model import train_model

    sys.exit(run_job("train_model", train_model, conf_folder=Path(__file__).parents[1] / "conf"))
