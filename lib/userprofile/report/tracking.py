"""An evaluation's numbers where other tools look for them: TensorBoard's event files, and MLflow's local database."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_tensorboard(folder: Path, history: Sequence[Mapping[str, Any]], figures: Mapping[str, float]) -> None:
    """Losses by epoch as <split>/<head>, and the evaluation's figures at the last one."""
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for entry in history:
            for split in ("train", "validation"):
                for name, value in (entry[split] or {}).items():
                    writer.add_scalar(f"{split}/{name}", value, entry["epoch"])
        for name, value in figures.items():
            writer.add_scalar(name, value, len(history))


def write_mlflow(
    database: Path, *, experiment: str, model_version: str, figures: Mapping[str, float], settings: Mapping[str, str]
) -> None:
    """A run named by the model; one of that name is written anew."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client = MlflowClient(tracking_uri=f"sqlite:///{database}")
    known = client.get_experiment_by_name(experiment)
    experiment_id = known.experiment_id if known else client.create_experiment(experiment)
    for earlier in client.search_runs([experiment_id], f"attributes.run_name = '{model_version}'"):
        client.delete_run(earlier.info.run_id)
    run = client.create_run(experiment_id, run_name=model_version)
    now = int(time.time() * 1000)
    # MLflow's names hold no @.
    metrics = [Metric(name.replace("@", "_at_"), value, now, 0) for name, value in figures.items()]
    client.log_batch(run.info.run_id, metrics=metrics, params=[Param(*one) for one in settings.items()])
    client.set_terminated(run.info.run_id)
