"""silver.item_content and one user's profile -> where in the pictures of items lies what the user has met."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("explain_images")
    from userprofile.pipelines.explain_images import explain_images
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("explain_images", explain_images, conf_folder=Path(__file__).parents[1] / "conf"))
