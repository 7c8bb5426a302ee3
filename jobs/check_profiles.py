"""Tags and affinities as of an earlier date -> ops.checks: what came true."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("check_profiles")
    from userprofile.pipelines.check_profiles import check_profiles
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("check_profiles", check_profiles, conf_folder=Path(__file__).parents[1] / "conf"))
