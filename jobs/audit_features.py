"""gold.training_examples -> a report on leaks and drift; exit code 3 where a feature leaks."""

import sys
from pathlib import Path

from userprofile.doctor import exit_on_mismatch

if __name__ == "__main__":
    exit_on_mismatch("audit_features")
    from userprofile.pipelines.audit_features import audit_features
    from userprofile.pipelines.job import run_job

    sys.exit(run_job("audit_features", audit_features, conf_folder=Path(__file__).parents[1] / "conf"))
