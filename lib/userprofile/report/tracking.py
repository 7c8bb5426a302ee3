"""An evaluation's numbers where other tools look for them: TensorBoard's event files, and MLflow."""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from userprofile.errors import EnvironmentMismatchError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_WEIGHTS = "model.weights.h5"


def write_tensorboard(
    folder: Path,
    history: Sequence[Mapping[str, Any]],
    figures: Mapping[str, float],
    *,
    weights: Mapping[str, np.ndarray],
    users: pl.DataFrame | None,
) -> None:
    """Losses by epoch as <split>/<head>; at the last epoch the evaluation's figures and histograms of weights.

    Users, of columns `embedding` and what is to be told of them, are in the projector; of nobody there is none.
    """
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for entry in history:
            for split in ("train", "validation"):
                for name, value in (entry[split] or {}).items():
                    writer.add_scalar(f"{split}/{name}", value, entry["epoch"])
        for name, value in figures.items():
            writer.add_scalar(name, value, len(history))
        for name, values in weights.items():
            writer.add_histogram(name, values, len(history))
        if users is not None and users.height:
            told = users.drop("embedding")
            rows = told.with_columns(pl.all().cast(pl.String).fill_null("")).rows()
            matrix = np.stack(users["embedding"].to_list()).astype(np.float32)
            writer.add_embedding(matrix, metadata=rows, metadata_header=told.columns, tag="users")


def weights_of(network: bytes) -> dict[str, np.ndarray]:
    """Of a `.keras` file, by their layers' names; single numbers are left out."""
    import h5py

    found: dict[str, np.ndarray] = {}

    def keep(name: str, value: Any) -> None:
        if isinstance(value, h5py.Dataset) and value.size > 1:
            found[f"weights/{name.removeprefix('layers/').replace('/vars', '')}"] = value[()]

    with zipfile.ZipFile(io.BytesIO(network)) as archive, h5py.File(io.BytesIO(archive.read(_WEIGHTS))) as weights:
        weights.visititems(keep)
    return found


def mlflow_at(address: str) -> MlflowClient:
    """A client of MLflow's database or server there; raises EnvironmentMismatchError where it does not answer."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # its own 7 take minutes
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # where each line is an object
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        client = MlflowClient(tracking_uri=address)
        client.search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError) as error:
        raise EnvironmentMismatchError(
            f"MLflow does not answer at {address}",
            expected="a database or a server that evaluate_model.mlflow names",
            received=str(error).splitlines()[0],
            fix="start it, or correct evaluate_model.mlflow; empty keeps the numbers beside the report",
        ) from error
    return client


def write_mlflow(
    client: MlflowClient,
    *,
    experiment: str,
    model_version: str,
    figures: Mapping[str, float],
    settings: Mapping[str, str],
    files: Mapping[str, Path],
    artifacts: Path | None,
) -> None:
    """A run named by the model, with files or folders by the name they get; one of that name is written anew.

    `artifacts` is where files of a new experiment lie, for a database; a server has a place of its own.
    """
    from mlflow.entities import Metric, Param

    place = artifacts.as_uri() if artifacts else None
    known = client.get_experiment_by_name(experiment)
    experiment_id = known.experiment_id if known else client.create_experiment(experiment, artifact_location=place)
    for earlier in client.search_runs([experiment_id], f"attributes.run_name = '{model_version}'"):
        client.delete_run(earlier.info.run_id)
    run = client.create_run(experiment_id, run_name=model_version).info.run_id
    now = int(time.time() * 1000)
    # MLflow's names hold no @.
    metrics = [Metric(name.replace("@", "_at_"), value, now, 0) for name, value in figures.items()]
    client.log_batch(run, metrics=metrics, params=[Param(*one) for one in settings.items()])
    for name, path in files.items():
        client.log_artifacts(run, str(path), name) if path.is_dir() else client.log_artifact(run, str(path), name)
    client.set_terminated(run)
