"""gold.user_profiles and ops.checks -> the page of all tags."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("build_tag_catalogue")
    from userprofile.pipelines.build_tag_catalogue import build_tag_catalogue
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("build_tag_catalogue", build_tag_catalogue, conf_folder=Path(__file__).parents[1] / "conf"))
