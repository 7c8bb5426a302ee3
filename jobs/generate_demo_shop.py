"""Write the log of a synthetic shop with planted truth."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("generate_demo_shop")
    from userprofile.pipelines.generate_demo_shop import generate_demo_shop
    from userprofile.pipelines.job import run_job

    sys.exit(
        run_job(
            "generate_demo_shop", generate_demo_shop, conf_folder=Path(__file__).parents[1] / "conf", source="demo_shop"
        )
    )
