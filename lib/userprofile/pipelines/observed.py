"""What others watch a run by: figures for Prometheus, lineage for OpenLineage. Neither can end a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import polars as pl

from userprofile import __version__
from userprofile.pipelines.ledger import failures, runs
from userprofile.pipelines.steps import Run

PRODUCER = f"urn:userprofile:{__version__}"
LINEAGE_SETTINGS = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT__TYPE")


def observe(run: Run, job: str, result: Mapping[str, Any]) -> None:
    """Tell of a run that has ended whoever is set to listen; what goes wrong with that is said, and no more."""
    tellers = {"prometheus": _write_figures, "openlineage": _emit_lineage}
    for name, tell in tellers.items():
        try:
            tell(run, job, result)
        except Exception as error:  # of a listener, whose faults are not the run's
            run.say(f"{name} was not told of this run: {type(error).__name__}: {error}")


def _write_figures(run: Run, job: str, result: Mapping[str, Any]) -> None:
    """One file a log and job in `prometheus`, the folder of a node exporter's textfile collector."""
    if not (folder := run.config.prometheus):
        return
    from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

    registry = CollectorRegistry()
    of_job = {"source": run.config.source.name, "job": job}

    def gauge(name: str, says: str, values: Iterator[tuple[dict[str, str], float]]) -> None:
        found = list(values)
        labels = [*of_job, *(found[0][0] if found else {})]
        metric = Gauge(f"userprofile_{name}", says, labels, registry=registry)
        for more, value in found:
            metric.labels(**of_job, **more).set(value)

    gauge("exit_code", "Exit code of the last run (README, Exit codes)", iter([({}, result["exit_code"])]))
    gauge("ended_timestamp_seconds", "When the last run ended", iter([({}, datetime.now(UTC).timestamp())]))
    gauge("seconds", "How long it took", iter([({}, result["seconds"])]))
    gauge("step_seconds", "How long its steps took", _steps(result))
    gauge("rows", "Rows that it wrote", _rows(result))
    gauge("figure", "What its steps counted and measured", _figures(result))
    Path(folder).mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(Path(folder, f"userprofile_{run.config.source.name}_{job}.prom")), registry)


def _steps(result: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], float]]:
    return (({"step": step}, seconds) for step, seconds in result.get("steps", {}).items())


def _rows(result: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], float]]:
    return (({"table": table}, pinned["rows"]) for table, pinned in result.get("tables", {}).items())


def _figures(result: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], float]]:
    for step, metrics in result.get("metrics", {}).items():
        for name, value in metrics.items():
            if isinstance(value, int | float):
                yield {"step": step, "name": name}, float(value)


def _emit_lineage(run: Run, job: str, result: Mapping[str, Any]) -> None:
    """One event per step of the run, by the official client, as its own environment variables say where to."""
    if not any(os.environ.get(name) for name in LINEAGE_SETTINGS):
        return
    from openlineage.client import OpenLineageClient

    client = OpenLineageClient()
    for event in _events(run):
        client.emit(event)
    client.close()


def _events(run: Run) -> Iterator[Any]:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, RunEvent, RunState
    from openlineage.client.event_v2 import Run as LineageRun
    from openlineage.client.facet_v2 import dataset_version_dataset, output_statistics_output_dataset

    namespace = run.store.root if "://" in run.store.root else f"file://{run.store.root}"

    def version(pinned: Mapping[str, Any]) -> dict[str, Any]:
        return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(pinned["version"]))}

    def statistics(pinned: Mapping[str, Any]) -> dict[str, Any]:
        rows = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=pinned["rows"])
        return {"outputStatistics": rows}

    def event(row: Mapping[str, Any], state: Any, at: datetime) -> Any:
        # A UUID is asked for; the same step of the same run has the same.
        run_id = str(uuid5(NAMESPACE_URL, f"{row['run_id']}/{row['step']}/{row.get('as_of_date')}"))
        return RunEvent(
            eventType=state,
            eventTime=at.isoformat(),
            producer=PRODUCER,
            run=LineageRun(runId=run_id),
            job=Job(namespace=namespace, name=row["step"]),
            inputs=[InputDataset(namespace, one["table"], facets=version(one)) for one in row.get("inputs", [])],
            outputs=[
                OutputDataset(namespace, one["table"], statistics(one), facets=version(one))
                for one in row.get("outputs", [])
            ],
        )

    mine = pl.col("run_id") == run.run_id
    for row in runs(run.store).filter(mine).to_dicts():
        yield event(row, RunState.COMPLETE, row["started_at"] + timedelta(seconds=row["seconds"]))
    for row in failures(run.store).filter(mine).to_dicts():
        yield event(row, RunState.FAIL, row["failed_at"])
