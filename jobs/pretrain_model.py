"""Examples without their labels -> the body of a profile model."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("pretrain_model")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.pretrain_model import pretrain_model

    sys.exit(run_job("pretrain_model", pretrain_model, conf_folder=Path(__file__).parents[1] / "conf"))
