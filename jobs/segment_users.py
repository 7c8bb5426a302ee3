"""Embeddings of profiles -> segments of users who behave alike, and what sets each apart."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("segment_users")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.segment_users import segment_users

    sys.exit(run_job("segment_users", segment_users, conf_folder=Path(__file__).parents[1] / "conf"))
