"""Small files of tables put together, those that no version needs removed."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("maintain_tables")
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.maintain_tables import maintain_tables

    sys.exit(run_job("maintain_tables", maintain_tables, conf_folder=Path(__file__).parents[1] / "conf"))
