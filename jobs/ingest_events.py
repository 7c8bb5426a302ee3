"""Raw files -> bronze.events, bronze.items, bronze.users."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("ingest_events")
    from userprofile.pipelines.ingest_events import ingest_events
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("ingest_events", ingest_events, conf_folder=Path(__file__).parents[1] / "conf"))
