"""bronze -> silver.events, silver.items, silver.users, silver.codes and quarantine.events."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("refine_events")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.refine_events import refine_events

    sys.exit(run_job("refine_events", refine_events, conf_folder=Path(__file__).parents[1] / "conf"))
