"""gold.user_features and gold.user_sequences -> gold.user_profiles."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("infer_profiles")
    from userprofile.pipelines.infer_profiles import infer_profiles
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("infer_profiles", infer_profiles, conf_folder=Path(__file__).parents[1] / "conf"))
