"""gold.training_examples -> scaling.html: how training scales with its ranks, and where the seconds of a step go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.examples import built_examples
from userprofile.pipelines.selected_features import features_to_train
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.training_request import launched, profile_spec, training_request
from userprofile.report.scaling import Scale, scaling_page
from userprofile.tables.store import TableVersion
from userprofile.training.trained import TIMINGS

PAGE, FIGURES = "scaling.html", "scaling.json"


def report_scaling(run: Run) -> Step:
    """Time real steps on each number of ranks, as many rows a rank on each; always anew, since machines differ."""
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events")))
    examples, dense = built_examples(run, as_of.date), features_to_train(run, as_of.date)
    work = partial(_report, run, examples, dense, as_of.date)
    sections = ["source", "train_model", "report_scaling"]
    return run.step("report_scaling", work, inputs=[examples], sections=sections, as_of=as_of.date, again=True)


def _report(run: Run, examples: TableVersion, dense: Sequence[str], as_of: date) -> Outcome:
    train = DeltaTable(run.store.path(examples.table), version=examples.version).to_pyarrow_table(
        filters=[("split", "=", "train")]
    )
    request = training_request(run, examples, profile_spec(run, train, dense)[0], run.config.train_model)
    settings = run.config.report_scaling
    scales = []
    for processes in sorted(settings.processes):
        run.say(f"report_scaling: {processes} rank{'s' * (processes > 1)}, {settings.steps:,} steps ...")
        of_ranks = replace(
            request,
            batch_rows=settings.rows_per_process * processes,
            shards=processes,
            timed_steps=settings.steps,
        )
        trained = launched(run, of_ranks, processes=processes)
        scales.append(Scale.of(json.loads(trained.files[TIMINGS])))
    folder = Path(run.config.report, Path(run.store.root).name)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / PAGE
    page.write_text(
        scaling_page(scales, source=run.config.source.name, rows=settings.rows_per_process), encoding="utf-8"
    )
    (folder / FIGURES).write_text(
        json.dumps([scale.figures(scales[0]) for scale in scales], indent=1), encoding="utf-8"
    )
    return Outcome([], {"page": str(page.resolve()), "as_of_date": str(as_of), **_in_short(scales)})


def _in_short(scales: Sequence[Scale]) -> dict[str, Any]:
    return {f"examples_per_second_{scale.ranks}_ranks": round(scale.throughput) for scale in scales}
