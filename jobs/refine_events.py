"""bronze -> silver.events, silver.items, silver.users, silver.codes and quarantine.events."""

import sys
from pathlib import Path

from userprofile.pipelines.job import run_job
from userprofile.pipelines.refine_events import refine_events

if __name__ == "__main__":
    sys.exit(run_job("refine_events", refine_events, conf_folder=Path(__file__).parents[1] / "conf"))
