"""silver.events -> gold.user_features and gold.user_sequences as of one date or several."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("build_features")
    from userprofile.pipelines.build_features import build_features
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("build_features", build_features, conf_folder=Path(__file__).parents[1] / "conf"))
