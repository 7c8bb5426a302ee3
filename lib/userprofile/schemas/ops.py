"""Tables about the runs themselves."""

from __future__ import annotations

import dataframely as dy

from userprofile.schemas.events import utc


def table_versions() -> dy.List:
    """Pinned tables: what was read, or what was written."""
    pinned = {"table": dy.String(nullable=False), "version": dy.Int64(nullable=False), "rows": dy.Int64(nullable=False)}
    return dy.List(dy.Struct(pinned), nullable=False)


class OpsRuns(dy.Schema):
    """ops.runs: one row per step done. The same fingerprint again means the same outputs."""

    run_id = dy.String(primary_key=True)
    step = dy.String(primary_key=True)
    started_at = utc()
    seconds = dy.Float64(nullable=False)
    as_of_date = dy.Date(nullable=True)
    inputs = table_versions()
    outputs = table_versions()
    fingerprint = dy.String(nullable=False)  # of step, inputs, parameters, config and code
    config_version = dy.String(nullable=False)
    code_version = dy.String(nullable=False)
    metrics = dy.String(nullable=False)  # a JSON object of figures in domain units


class OpsJobs(dy.Schema):
    """ops.jobs: one row per run of a job that may write, once it has ended; none where its configuration was wrong."""

    run_id = dy.String(primary_key=True)
    job = dy.String(nullable=False)
    arguments = dy.List(dy.String(nullable=False), nullable=False)  # of the command line
    correlation_id = dy.String(nullable=False)  # of what started it; the run's own where nothing did
    started_at = utc()
    seconds = dy.Float64(nullable=True)  # null where nobody saw it end
    status = dy.Enum(["done", "failed", "killed"], nullable=False)
    exit_code = dy.Int32(nullable=True)  # errors.ExitCode; null where nobody saw it end
    error = dy.String(nullable=True)  # what happened; of a defect only its kind


class OpsFailures(dy.Schema):
    """ops.failures: one row per step that ended its run before it was done."""

    run_id = dy.String(primary_key=True)
    step = dy.String(primary_key=True)
    failed_at = utc()
    exit_code = dy.Int32(nullable=False)  # errors.ExitCode
    error = dy.String(nullable=False)  # what happened; of a defect only its kind


class OpsModels(dy.Schema):
    """ops.models: one row per trained model, whose folder is models/<model_version>/."""

    model_version = dy.String(primary_key=True)
    trained_at = utc()
    as_of_date = dy.Date(nullable=False)  # the date it is to score
    training_version = dy.Int64(nullable=False)  # of gold.training_examples
    examples = dy.Int64(nullable=False)
    processes = dy.Int32(nullable=False)
    metrics = dy.String(nullable=False)  # metrics.json
    config_version = dy.String(nullable=False)
    code_version = dy.String(nullable=False)


class OpsServing(dy.Schema):
    """ops.serving: one row per decision on which model scores. Of a date, the last decision of the latest date up to it
    counts.
    """

    run_id = dy.String(primary_key=True)
    candidate = dy.String(primary_key=True)  # the model decided upon
    decided_at = utc()
    valid_from = dy.Date(nullable=False)  # as-of dates from this on
    decision = dy.Enum(["promoted", "declined", "rolled_back"], nullable=False)
    serving = dy.String(nullable=False)  # the model that scores from then on
    instead_of = dy.String(nullable=True)  # the one that did before; null where there was none
    because = dy.String(nullable=False)


class WrittenParts(dy.Schema):
    """Files of tables that workers have written and no commit has taken in yet (tables/parts.py). Not a table."""

    table = dy.String(nullable=False)
    path = dy.String(primary_key=True)  # below the table's folder
    partition = dy.String(nullable=False)  # the value that all its rows have in the partition column, if any
    rows = dy.Int64(nullable=False)
    bytes = dy.Int64(nullable=False)


class OpsChecks(dy.Schema):
    """ops.checks: one row per number that a check brought: of what profiles foretold (check_profiles), or of what is
    expected of a table (check_tables, infer_profiles).
    """

    run_id = dy.String(primary_key=True)
    check = dy.String(primary_key=True)  # tags, affinity, or the table's name
    subject = dy.String(primary_key=True)  # the tag's name in its file, or the column; "rows" of the table itself
    measure = dy.String(primary_key=True)  # precision, recall, f1, lift; or of audit/limits.py
    as_of_date = dy.Date(nullable=False)  # what was said is of before it, what happened of after
    value = dy.Float64(nullable=False)
    low = dy.Float64(nullable=True)  # of a 95 % interval
    high = dy.Float64(nullable=True)
    base_rate = dy.Float64(
        nullable=True
    )  # how often it happens to anybody, or, of a value, to anybody with that value; usual rows
    rows = dy.Int64(nullable=False)  # what was said so often; rows checked
    passed = dy.Bool(nullable=True)  # null where the interval reaches over the base rate: too few to be sure
    expects = dy.String(nullable=True)
    checked_at = utc()


class OpsAudiences(dy.Schema):
    """ops.audiences: one row per saved audience: what was asked, and of what."""

    audience = dy.String(primary_key=True)
    question = dy.String(nullable=False)
    sql = dy.String(nullable=False)  # the filter, over columns of profiles and features
    words = dy.String(nullable=False)  # the same for people
    as_of_date = dy.Date(nullable=False)
    model_version = dy.String(nullable=False)
    users = dy.Int64(nullable=False)
    profiles_version = dy.Int64(nullable=False)
    features_version = dy.Int64(nullable=False)
    run_id = dy.String(nullable=False)
    asked_at = utc()
