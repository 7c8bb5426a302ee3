"""gold.user_features -> the page of all features, with how their values lie."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("build_catalogue")
    from userprofile.pipelines.build_catalogue import build_catalogue
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("build_catalogue", build_catalogue, conf_folder=Path(__file__).parents[1] / "conf"))
