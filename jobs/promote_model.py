"""A new model scores from its date on, where it is not worse than the one that does."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("promote_model")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.promote_model import promote_model

    sys.exit(run_job("promote_model", promote_model, conf_folder=Path(__file__).parents[1] / "conf"))
