"""Every key of conf/base.yaml with its type and its possible values. Defaults live in conf/base.yaml alone."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationInfo, field_validator

from userprofile.config.mapping import SourceMapping
from userprofile.config.values import Duration, Horizon, Section
from userprofile.features.own import FeatureFile
from userprofile.heads.every import HEADS

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
OwnFeatures = Annotated[FeatureFile, BeforeValidator(FeatureFile.read), PlainSerializer(str)]


class SparkSettings(Section):
    """How the one Spark session is built."""

    master: str
    driver_memory: Annotated[str, Field(pattern=r"^\d+[mg]$")]
    shuffle_partitions: Count
    settings: dict[str, str]


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


class Encoder(Section):
    """What makes states of a user's events."""

    encoder: Literal["gru", "lstm", "transformer", "hstu"]
    layers: Count
    heads: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]


def _of_heads(width: int, others: ValidationInfo) -> int:
    if width % others.data.get("heads", 1):
        raise ValueError(f"a multiple of heads, which is {others.data['heads']}")
    return width


OfHeads = Annotated[Count, AfterValidator(_of_heads)]


def _known_heads(weights: dict[str, float]) -> dict[str, float]:
    if unknown := sorted(set(weights) - set(HEADS)):
        raise ValueError(f"heads among {', '.join(HEADS)}, not {', '.join(unknown)}")
    return weights


HeadWeights = Annotated[dict[str, Annotated[float, Field(ge=0)]], AfterValidator(_known_heads)]


class Network(Encoder):
    """Sizes of the profile model, how its parts are fused, and what its heads weigh."""

    fusion: Literal["concat", "attention", "gated"]
    task_weights: Literal["fixed", "uncertainty"]
    task_weight: HeadWeights

    item_width: Count
    category_width: Count
    action_width: Count
    sequence_width: OfHeads
    dense_width: Count
    embedding_width: Count


class HistoryNetwork(Encoder):
    """Sizes of the next-item model."""

    width: OfHeads
    fusion: Literal["concat", "attention", "gated"]
    own_dropout: Annotated[float, Field(ge=0, lt=1)]


class Learning(Section):
    """How a network learns, of whatever task."""

    epochs: Count
    batch_rows: Count
    learning_rate: Positive
    learning_rate_batch_rows: Count
    warmup_steps: Annotated[int, Field(ge=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    patience: Count
    seed: int
    sequence_length: Count
    item_vocabulary: Count
    timeout: Duration
    network: Encoder

    def of_task(self) -> dict[str, Any]:
        """What decides the network and its loss."""
        return self.network.model_dump()


class TrainModel(Learning):
    """The distributed training of the profile model, and the ranks of any training."""

    features: Literal["all", "selected"]
    processes: Count
    launcher: list[str]
    shards: Count
    threads_per_process: Count
    gradient_accumulation: Count
    half_precision: bool
    skipped_steps: Annotated[int, Field(ge=0)]
    label_categories: Count
    checkpoint_steps: Count
    restarts: Annotated[int, Field(ge=0)]
    beat: Duration
    stall: Duration
    network: Network

    @field_validator("shards")
    @classmethod
    def _shared_evenly(cls, shards: int, others: ValidationInfo) -> int:
        if shards % others.data.get("processes", 1):
            raise ValueError(f"a multiple of train_model.processes, which is {others.data['processes']}")
        return shards


class PretrainModel(Learning):
    """The next-item model of whole histories."""

    sampled_items: Annotated[int, Field(ge=0)]
    contents: list[Literal["words", "text", "image"]]
    content_width: Count
    network: HistoryNetwork

    def of_task(self) -> dict[str, Any]:
        return {**super().of_task(), "sampled_items": self.sampled_items}


class ReportScaling(Section):
    """Timed steps on several numbers of ranks."""

    processes: Annotated[list[Count], Field(min_length=1)]
    rows_per_process: Count
    steps: Count


class InferProfiles(Section):
    """Scoring."""

    users_per_partition: Count


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


class Config(Section):
    """The whole configuration of a run, source mapping included."""

    warehouse: str
    models: str
    report: str
    build: str
    pseudonym_key: str
    spark: SparkSettings
    refine_events: RefineEvents
    build_features: BuildFeatures
    embed_items: EmbedItems
    backfill: Backfill
    build_training_set: BuildTrainingSet
    audit_features: AuditFeatures
    select_features: SelectFeatures
    train_model: TrainModel
    pretrain_model: PretrainModel
    infer_profiles: InferProfiles
    build_report: BuildReport
    build_catalogue: BuildCatalogue
    report_scaling: ReportScaling
    demo_shop: DemoShop
    source: SourceMapping
