"""Every key of conf/base.yaml with its type and its possible values. Defaults live in conf/base.yaml alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo

from userprofile.config.language import Language
from userprofile.config.learning import FinetuneModel, NextItems, PretrainModel, TrainModel
from userprofile.config.mapping import SourceMapping
from userprofile.config.publishing import CheckTables, MaintainTables, PromoteModel, RollbackModel
from userprofile.config.values import Count, Duration, Horizon, Positive, Section, Share
from userprofile.features.own import FeatureFile
from userprofile.tags.definition import TagFile


def _tag_file(path: object, info: ValidationInfo) -> TagFile:
    return TagFile.read(path, info.context["folder"] if info.context else Path())


Tagging = Annotated[TagFile, BeforeValidator(_tag_file), PlainSerializer(str)]
OwnFeatures = Annotated[FeatureFile, BeforeValidator(FeatureFile.read), PlainSerializer(str)]


class SparkSettings(Section):
    """How the one Spark session is built."""

    master: str
    driver_memory: Annotated[str, Field(pattern=r"^\d+[mg]$")]
    shuffle_partitions: Count
    settings: dict[str, str]
    resources_timeout: Horizon
    catalog: str


class RefineEvents(Section):
    """The checks between bronze and silver."""

    max_quarantined_share: Share
    earliest_date: date
    future_tolerance: Duration
    late_after: Duration
    allowed_lateness: Duration
    outlier_robust_z: Positive
    bot_events_per_hour: Count


class BuildFeatures(Section):
    """The feature engine."""

    windows_days: Annotated[list[Count], Field(min_length=1)]
    session_gap: Horizon
    affinity_half_life_days: Positive
    affinity_top: Count
    item_attributes: list[str]
    arrival_lag: Duration
    sequence_length: Count
    user_category_level: Annotated[int, Field(ge=1, le=3)]
    user_category_floor: Count
    item_prior_strength: Positive
    events_per_partition: Count
    own_features: list[OwnFeatures]


class EmbedItems(Section):
    """Texts and images of items as vectors."""

    image_folder: str
    items_per_partition: Count


class Backfill(Section):
    """Which dates of a span get features, and how many in one pass."""

    every: Duration
    dates_per_pass: Count


class BuildTrainingSet(Section):
    """Which as-of dates are learnt from, and what is predicted."""

    as_of_dates: Count
    category_level: Annotated[int, Field(ge=1, le=3)]
    churn_active_days: Count
    embargo: bool
    test_users_share: Annotated[float, Field(ge=0, lt=1)]


class AuditFeatures(Section):
    """The report on leaks and drift."""

    pairs: Count
    events_per_user: Count
    examples: Count
    too_good_auc: Annotated[float, Field(ge=0.5, le=1)]
    seed: int


class SelectFeatures(Section):
    """Which dense features are worth training on."""

    examples: Count
    correlation: Annotated[float, Field(gt=0, le=1)]
    permutations: Count
    seed: int


class EvaluateModel(Section):
    """The page of how good a model is."""

    examples: Count
    examples_per_partition: Count
    draws: Count
    largest_gap: Positive
    projected_users: Count
    mlflow: Annotated[str, Field(pattern=r"^(|databricks|https?://\S+|sqlite:///\S+)$")]
    seed: int


class ReportScaling(Section):
    """Timed steps on several numbers of ranks."""

    processes: Annotated[list[Count], Field(min_length=1)]
    rows_per_process: Count
    steps: Count


class InferProfiles(Section):
    """Scoring."""

    users_per_partition: Count
    language: str


class Tags(Section):
    """The words of a profile."""

    file: Tagging
    most: Count


class AskProfiles(Section):
    """Questions in words."""

    sample: Count


class SegmentUsers(Section):
    """Clusters of embeddings."""

    users: Count
    most: Annotated[int, Field(ge=2)]
    least_strength: Annotated[float, Field(gt=0, le=1)]
    least_share: Annotated[float, Field(ge=0, lt=0.5)]
    seed: int


class ExplainImages(Section):
    """What a user has met, in pictures."""

    items: Count
    history: Count
    others: Count
    seed: int


class ExplainScore(Section):
    """One score of one user in full."""

    score: str
    method: str
    seed: int


class BuildCatalogue(Section):
    """The page of all features."""

    users: Count


class BuildReport(Section):
    """The page a person opens."""

    example_profiles: Count


class DemoShop(Section):
    """The synthetic shop; only read where the source is demo_shop."""

    users: Count
    days: Count
    seed: int
    duplicate_rate: Annotated[float, Field(ge=0, lt=1)]
    late_rate: Annotated[float, Field(ge=0, lt=1)]
    malformed_rate: Annotated[float, Field(ge=0, lt=1)]
    dispute_share: Annotated[float, Field(ge=0, lt=1)]


class Config(Section):
    """The whole configuration of a run, source mapping included."""

    warehouse: str
    models: str
    report: str
    build: str
    prometheus: str
    pseudonym_key: str
    spark: SparkSettings
    refine_events: RefineEvents
    build_features: BuildFeatures
    embed_items: EmbedItems
    backfill: Backfill
    build_training_set: BuildTrainingSet
    audit_features: AuditFeatures
    select_features: SelectFeatures
    check_tables: CheckTables
    train_model: TrainModel
    pretrain_model: PretrainModel
    finetune_model: FinetuneModel
    next_items: NextItems
    evaluate_model: EvaluateModel
    promote_model: PromoteModel
    rollback_model: RollbackModel
    infer_profiles: InferProfiles
    segment_users: SegmentUsers
    explain_images: ExplainImages
    explain_score: ExplainScore
    tags: Tags
    ask_profiles: AskProfiles
    build_report: BuildReport
    build_catalogue: BuildCatalogue
    report_scaling: ReportScaling
    maintain_tables: MaintainTables
    demo_shop: DemoShop
    language: Language
    source: SourceMapping
