"""Refine the files with quarantined rows again, after the mapping was mended."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("replay_quarantine")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.refine_events import replay_quarantine

    sys.exit(run_job("replay_quarantine", replay_quarantine, conf_folder=Path(__file__).parents[1] / "conf"))
