"""Whether what is expected of tables holds; exit code 3 where it does not."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("check_tables")
    from userprofile.pipelines.check_tables import check_tables
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("check_tables", check_tables, conf_folder=Path(__file__).parents[1] / "conf"))
