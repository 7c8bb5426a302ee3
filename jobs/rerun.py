"""A job again, with the words that an earlier run of it was started with."""

import sys
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    from userprofile.pipelines.job import run_job
    from userprofile.pipelines.rerun import rerun

    here = Path(__file__).parent
    work = partial(rerun, job_folder=here)
    sys.exit(run_job("rerun", work, conf_folder=here.parent / "conf", looks_only=True))
