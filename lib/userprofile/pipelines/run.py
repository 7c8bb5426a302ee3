"""The whole path: raw log to one profile row per user, and the page."""

from __future__ import annotations

import contextlib

from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.build_report import build_report
from userprofile.pipelines.build_training_set import build_training_set
from userprofile.pipelines.check_tables import check_tables
from userprofile.pipelines.checked_tables import require_expectations
from userprofile.pipelines.generate_demo_shop import DEMO_SHOP, generate_demo_shop
from userprofile.pipelines.infer_profiles import infer_profiles
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events
from userprofile.pipelines.segment_users import segment_users
from userprofile.pipelines.steps import Run
from userprofile.pipelines.tag_rules import require_tags
from userprofile.pipelines.train_model import train_model

JOBS = (
    ingest_events,
    refine_events,
    build_features,
    check_tables,
    build_training_set,
    train_model,
    infer_profiles,
    segment_users,
)


def run_path(run: Run) -> None:
    """Every job in order; each finds its predecessor's tables pinned."""
    require_tags(run)
    require_expectations(run)
    if run.config.source.name == DEMO_SHOP and not run.inputs:
        generate_demo_shop(run)
    try:
        for job in JOBS:
            job(run)
    except Exception:
        # The page shows how far the run came; whatever it lacks, what ended the run is what is told.
        with contextlib.suppress(Exception):
            build_report(run)
        raise
    build_report(run)
