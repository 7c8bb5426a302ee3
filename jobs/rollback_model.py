"""Back to the model that served before the last promotion."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("rollback_model")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.rollback_model import rollback_model

    sys.exit(run_job("rollback_model", rollback_model, conf_folder=Path(__file__).parents[1] / "conf"))
