"""A log and a published protocol -> our row beside the published ones."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("leaderboard")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.leaderboard import leaderboard

    sys.exit(run_job("leaderboard", leaderboard, conf_folder=Path(__file__).parents[1] / "conf", source=""))
