"""apps.audiences -> a file of who consented to a purpose."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("export_audience")
    from userprofile.pipelines.export_audience import export_audience
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("export_audience", export_audience, conf_folder=Path(__file__).parents[1] / "conf"))
