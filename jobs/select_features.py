"""gold.training_examples -> the list of features worth training on."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("select_features")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.select_features import select_features

    sys.exit(run_job("select_features", select_features, conf_folder=Path(__file__).parents[1] / "conf"))
