"""silver.items -> silver.item_content: texts and images of items as vectors."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("embed_items")
    from userprofile.pipelines.embed_items import embed_items
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("embed_items", embed_items, conf_folder=Path(__file__).parents[1] / "conf"))
