"""gold.user_features and gold.user_sequences -> gold.user_profiles."""

import sys
from pathlib import Path

from userprofile.pipelines.infer_profiles import infer_profiles
from userprofile.pipelines.job import run_job

if __name__ == "__main__":
    sys.exit(run_job("infer_profiles", infer_profiles, conf_folder=Path(__file__).parents[1] / "conf"))
