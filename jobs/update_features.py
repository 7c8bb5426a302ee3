"""gold's features of one date out of those of an earlier date and of what came since."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("update_features")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.update_features import update_features

    sys.exit(run_job("update_features", update_features, conf_folder=Path(__file__).parents[1] / "conf"))
