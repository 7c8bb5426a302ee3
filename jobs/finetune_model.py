"""A pre-trained body and the labels of one score -> a model of it."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("finetune_model")
    from userprofile.pipelines.finetune_model import finetune_model
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("finetune_model", finetune_model, conf_folder=Path(__file__).parents[1] / "conf"))
