"""A question in words -> whom it means, saved as an audience."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("ask_profiles")
    from userprofile.pipelines.ask_profiles import ask_profiles
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("ask_profiles", ask_profiles, conf_folder=Path(__file__).parents[1] / "conf"))
