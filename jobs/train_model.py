"""gold.training_examples -> models/<model_version>/."""

import sys
from pathlib import Path

from userprofile.pipelines.job import run_job
from userprofile.pipelines.train_model import train_model

if __name__ == "__main__":
    sys.exit(run_job("train_model", train_model, conf_folder=Path(__file__).parents[1] / "conf"))
