"""Saved tables -> report/<source>/cards/<pseudonym>.html, what is known of one user."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("build_card")
    from userprofile.pipelines.build_card import build_card
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("build_card", build_card, conf_folder=Path(__file__).parents[1] / "conf"))
