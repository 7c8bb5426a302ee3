"""Raw files -> bronze.events, bronze.items, bronze.users."""

import sys
from pathlib import Path

from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.job import run_job

if __name__ == "__main__":
    sys.exit(run_job("ingest_events", ingest_events, conf_folder=Path(__file__).parents[1] / "conf"))
