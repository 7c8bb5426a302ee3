"""Any job by its name: the `userprofile` command that the wheel brings, for whoever has no checkout."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from userprofile.config.load import CONF
from userprofile.doctor import exit_on_mismatch
from userprofile.errors import ExitCode

# As the shells in jobs/ have it: where the function of a job is, if not in the module of its name by that name; whose
# log is not the usual one; and who only looks.
_ELSEWHERE = {"run": ("run", "run_path"), "replay_quarantine": ("refine_events", "replay_quarantine")}
_OPTIONS: dict[str, dict[str, Any]] = {
    "generate_demo_shop": {"source": "demo_shop"},
    "leaderboard": {"source": ""},
    "show_status": {"looks_only": True},
}
JOBS = (
    "run", "ingest_events", "refine_events", "embed_items", "build_features", "update_features", "backfill",
    "build_training_set", "audit_features", "select_features", "train_model", "pretrain_model", "finetune_model",
    "evaluate_model", "report_scaling", "leaderboard", "infer_profiles", "segment_users", "build_report", "build_card",
    "explain_score", "explain_images", "compare_runs", "build_catalogue", "build_tag_catalogue", "ask_profiles",
    "check_profiles", "export_audience", "replay_quarantine", "generate_demo_shop", "check_tables", "maintain_tables",
    "promote_model", "rollback_model", "show_status",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """`userprofile <job> [arguments of the job]`; raises SystemExit with the job's exit code where that is not 0.

    A job that is done returns: on Databricks a task that exits counts as failed, whatever its code.
    """
    job, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if job not in JOBS:
        print(f"usage: userprofile <job> [arguments of the job]; jobs: {', '.join(JOBS)}", file=sys.stderr)
        sys.exit(int(ExitCode.USAGE))
    exit_on_mismatch(job)
    from userprofile.pipelines.job import run_job

    module, function = _ELSEWHERE.get(job, (job, job))
    pipeline = getattr(importlib.import_module(f"userprofile.pipelines.{module}"), function)
    if code := run_job(job, pipeline, conf_folder=CONF, arguments=rest, **_OPTIONS.get(job, {})):
        sys.exit(code)


if __name__ == "__main__":
    main()
