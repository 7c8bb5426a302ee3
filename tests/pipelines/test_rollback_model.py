"""Back to the model that served before, and no further however often it is asked for."""

from __future__ import annotations

import os
import signal
from datetime import date, timedelta

import pytest

from userprofile.pipelines.rollback_model import rollback_model
from userprofile.pipelines.serving_models import decisions, record_decision

A, B, C = "a", "b", "c"


@pytest.fixture
def served(job, refined):
    """Three models have served the log, one after the other; what rolls back a model, and how it ends."""

    def promoted(run):
        for days, (model, before) in enumerate(((A, None), (B, A), (C, B))):
            decision = {"decision": "promoted", "serving": model, "instead_of": before, "because": "of a test"}
            decision["decided_at"] = run.started_at - timedelta(days=9 - days)
            record_decision(run, candidate=model, valid_from=date(2024, 1, 2), **decision)

    assert job("promoted", promoted, "--source", refined).code == 0

    def back(*models, pipeline=rollback_model):
        named = ["--set", *(f"rollback_model.model={model}" for model in models)] if models else []
        return job("rollback_model", pipeline, "--source", refined, "--as-of", "2024-01-20", *named)

    return back


def told(served):
    """Which model serves, and how often one was left."""
    found = {}

    def look(run):
        rows = decisions(run)
        found.update(serving=rows["serving"][-1], left=(rows["decision"] == "rolled_back").sum())

    assert served(A, pipeline=look).code == 0
    return found


def test_asked_for_twice_it_goes_back_once(served):
    assert served(C).result["metrics"]["rollback_model"] == {"model_version": B, "instead_of": C}
    again = served(C)
    assert (again.code, again.result["metrics"]) == (0, {})
    assert "nothing to do, as of 2024-01-20 c does not serve, but b" in again.printed
    assert told(served) == {"serving": B, "left": 1}


def test_stopped_after_its_commit_and_begun_again_it_goes_back_once(served):
    def stopped(run):
        rollback_model(run)
        os.kill(os.getpid(), signal.SIGTERM)

    assert served(C, pipeline=stopped).code == 6
    assert served(C).code == 0
    assert told(served) == {"serving": B, "left": 1}


@pytest.mark.parametrize("models", [(), ("nobody",)])
def test_the_model_to_leave_has_to_be_named(served, models):
    refused = served(*models)
    assert refused.code == 2
    assert "make rollback_model MODEL=c" in refused.errors
