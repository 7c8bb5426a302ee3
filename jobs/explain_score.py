"""A model and one user's row -> why one score of the user is what it is."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("explain_score")
    from userprofile.pipelines.explain_score import explain_score
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("explain_score", explain_score, conf_folder=Path(__file__).parents[1] / "conf"))
