"""gold.training_examples and a model -> gold.model_judgements, and from these evaluation.html and evaluation.json."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.errors import DataGateError
from userprofile.heads.evaluation import SPLITS, Asking, evaluated
from userprofile.heads.every import HEADS
from userprofile.heads.serving import NETWORK, HeadServing, Serving
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.examples import EXAMPLES, examples_schema, sampled
from userprofile.pipelines.infer_profiles import PROFILES
from userprofile.pipelines.judgements import JUDGEMENTS, arrays_of
from userprofile.pipelines.models import model_files, needed_model
from userprofile.pipelines.scoring import judged
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.train_model import CONFIG_FILE
from userprofile.report.evaluation import evaluation_page, figures
from userprofile.report.tracking import mlflow_at, weights_of, write_mlflow, write_tensorboard
from userprofile.schemas.gold import ModelJudgements
from userprofile.schemas.profiles import UserProfiles
from userprofile.spec import NETWORK_FILE, SERVING_FILE
from userprofile.tables.store import TableVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient

PAGE, FIGURES, EVENTS = "evaluation.html", "evaluation.json", "tensorboard"
DATABASE, ARTIFACTS = "mlflow.db", "mlflow"
_TOLD_OF_MODEL = ("as_of_date", "training_version", "examples", "processes", "code_version")


def evaluate_model(run: Run) -> Step:
    """Of the latest model trained as of the date, whether it serves or not. Raises DataGateError if there is none."""
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events"))).date
    model = needed_model(run, as_of)
    examples = TableVersion(EXAMPLES, model["training_version"], 0)
    folder = Path(run.config.report, Path(run.store.root).name)
    gone = not all((folder / name).exists() for name in (PAGE, FIGURES))
    work = partial(_evaluate, run, examples, model, folder)
    sections = ["source", "build_features", "evaluate_model"]
    parameters = {"model": model["model_version"]}
    return run.step(
        "evaluate_model", work, inputs=[examples], sections=sections, parameters=parameters, as_of=as_of, again=gone
    )


def _mlflow(run: Run, folder: Path) -> MlflowClient:
    folder.mkdir(parents=True, exist_ok=True)
    return mlflow_at(run.config.evaluate_model.mlflow or f"sqlite:///{folder.resolve() / DATABASE}")


def _evaluate(run: Run, examples: TableVersion, model: dict[str, Any], folder: Path) -> Outcome:
    mlflow = _mlflow(run, folder)  # before any work, as it may be far away
    version, files = model["model_version"], model_files(run, model)
    rows = _sample(run, examples)
    judgements = judged(rows, version, {**files, "words.json": b"{}"})
    where = f"model_version = '{version}'"
    written = run.store.replace(judgements, JUDGEMENTS, ModelJudgements, where=where)
    told = pl.DataFrame(run.store.read(written, ModelJudgements).where(where).toArrow())
    settings = run.config.evaluate_model
    how = Asking(settings.draws, settings.largest_gap, settings.seed)
    serving = Serving.from_json(files[SERVING_FILE].decode())
    evaluations = [_of_head(name, one, told, how) for name, one in serving.heads.items()]
    numbers = _write(run, folder, evaluations, model)
    _track(run, folder, numbers, model, mlflow)
    verdicts = {one["head"]: one["fit"]["verdict"].split(":")[0] for one in evaluations}
    page = str((folder / PAGE).resolve())
    return Outcome([written], {"page": page, "judgements": written.rows, "model_version": version, "fit": verdicts})


def _sample(run: Run, examples: TableVersion) -> DataFrame:
    """About as many rows of each split as are asked for."""
    settings = run.config.evaluate_model
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    rows = run.store.read(examples, examples_schema(catalogue))
    counts = {row["split"]: row["count"] for row in rows.groupBy("split").count().collect()}
    if missing := [split for split in SPLITS if not counts.get(split)]:
        raise DataGateError(
            "a split has no examples to evaluate on",
            expected=f"rows of {', '.join(SPLITS)} in {EXAMPLES}",
            received=f"none of {', '.join(missing)}",
            fix=f"make build_training_set SOURCE={run.source}, or a longer log",
        )
    parts = [
        sampled(rows.where(F.col("split") == split), of=counts[split], wanted=settings.examples, seed=settings.seed)
        for split in SPLITS
    ]
    some = parts[0].unionByName(parts[1]).unionByName(parts[2])
    wanted = sum(min(counts[split], settings.examples) for split in SPLITS)
    return some.repartition(max(1, wanted // settings.examples_per_partition), "user_id")


def _projected(run: Run, model: dict[str, Any]) -> pl.DataFrame | None:
    """Some of the users that the model has scored, with what a reader may colour them by; none before it has."""
    if not run.store.exists(PROFILES):
        return None
    settings = run.config.evaluate_model
    scored = run.store.read(run.store.pin(PROFILES), UserProfiles).where(
        (F.col("model_version") == model["model_version"]) & F.col("embedding").isNotNull()
    )
    latest = scored.where(F.col("as_of_date") == scored.agg(F.max("as_of_date")).collect()[0][0])
    told = latest.select(
        "user_id",
        "embedding",
        "rfm_segment",
        F.get("category_1_affinity", F.lit(0)).getField("name").alias("first_category"),
        F.array_join("tags", ", ").alias("tags"),
    )
    by_hash = F.xxhash64(F.lit(settings.seed), "user_id")
    return pl.DataFrame(told.orderBy(by_hash, "user_id").limit(settings.projected_users).toArrow())


def _of_head(name: str, serving: HeadServing, told: pl.DataFrame, how: Asking) -> dict[str, Any]:
    of_head = told.filter(pl.col("score") == name).sort("split", "model", "user_id", "as_of_date")
    parts = of_head.partition_by("split", "model", as_dict=True, maintain_order=True)
    judgements = {(str(split), str(model)): arrays_of(part) for (split, model), part in parts.items()}
    segments = {split: parts[split, NETWORK]["segment"].to_numpy() for split in SPLITS}
    return evaluated(HEADS[name], judgements, serving, segments, how)


def _write(run: Run, folder: Path, evaluations: list[dict[str, Any]], model: dict[str, Any]) -> dict[str, float]:
    """Page, numbers and TensorBoard's events; the numbers by the names they have there."""
    version, source = model["model_version"], run.config.source.name
    limit = run.config.evaluate_model.largest_gap
    html = evaluation_page(evaluations, model=model, source=source, largest_gap=limit)
    (folder / PAGE).write_text(html, encoding="utf-8")
    (folder / FIGURES).write_text(json.dumps(evaluations, indent=1, allow_nan=False), encoding="utf-8")
    told = figures(evaluations)
    history = json.loads(Path(run.config.models, version, "history.json").read_text())
    weights = weights_of(model_files(run, model)[NETWORK_FILE])
    write_tensorboard(folder / EVENTS / version, history, told, weights=weights, users=_projected(run, model))
    return told


def _settings_of(model: Path) -> dict[str, str]:
    """Those that it was trained by, which are not always the present ones."""
    settings = yaml.safe_load((model / CONFIG_FILE).read_text(encoding="utf-8"))["train_model"]
    network = {f"network.{name}": value for name, value in settings.pop("network").items()}
    return {name: str(value) for name, value in {**settings, **network}.items()}


def _track(run: Run, folder: Path, numbers: dict[str, float], model: dict[str, Any], mlflow: MlflowClient) -> None:
    folder_of_model = Path(run.config.models, model["model_version"])
    write_mlflow(
        mlflow,
        experiment=run.config.source.name,
        model_version=model["model_version"],
        figures=numbers,
        settings={**{name: str(model[name]) for name in _TOLD_OF_MODEL}, **_settings_of(folder_of_model)},
        files={"model": folder_of_model, "report": folder / PAGE},
        artifacts=None if run.config.evaluate_model.mlflow else folder.resolve() / ARTIFACTS,
    )
