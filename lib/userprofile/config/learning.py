"""The keys of conf/base.yaml that say how networks are made and learn."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, create_model, field_validator

from userprofile.channels import CHANNELS
from userprofile.columns import ACTIONS
from userprofile.config.values import Count, Duration, Positive, Section
from userprofile.heads.every import HEADS


class Encoder(Section):
    """What makes states of a user's events."""

    layers: Count
    heads: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]


def _of_heads(width: int, others: ValidationInfo) -> int:
    if width % others.data.get("heads", 1):
        raise ValueError(f"a multiple of heads, which is {others.data['heads']}")
    return width


OfHeads = Annotated[Count, AfterValidator(_of_heads)]


Weight = Annotated[float, Field(ge=0)]
_WEIGHTS: dict[str, Any] = dict.fromkeys(HEADS, (Weight, ...))
HeadWeights = create_model("HeadWeights", __base__=Section, **_WEIGHTS)


_ACTIONS: dict[str, Any] = dict.fromkeys(ACTIONS, (float, ...))
ActionWeights = create_model("ActionWeights", __base__=Section, **_ACTIONS)


class Network(Encoder):
    """Sizes of the profile model, how its parts are fused, and what its heads weigh."""

    encoder: Literal["gru", "lstm", "transformer", "hstu", "bidirectional"]
    summary: Literal["mean", "attention"]
    fusion: Literal["concat", "attention", "gated"]
    task_weights: Literal["fixed", "uncertainty"]
    task_weight: HeadWeights  # type: ignore[valid-type]
    item_width: Count
    category_width: Count
    action_width: Count
    channel_width: Count
    sequence_width: OfHeads
    dense_width: Count
    embedding_width: Count


class HistoryNetwork(Encoder):
    """Sizes of the next-item model."""

    encoder: Literal["gru", "lstm", "transformer", "hstu"]
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


def _channels(names: list[str]) -> list[str]:
    if not set(names) <= CHANNELS.keys():
        raise ValueError(f"names of {', '.join(CHANNELS)}")
    return names


class TrainModel(Learning):
    """The distributed training of the profile model, and the ranks of any training."""

    features: Literal["all", "selected"]
    start: Literal["scratch", "pretrained"]
    processes: Count
    launcher: list[str]
    shards: Count
    threads_per_process: Count
    bind_to_cores: bool
    cycle_milliseconds: Positive
    gradient_accumulation: Count
    shard_item_table: bool
    half_precision: bool
    skipped_steps: Annotated[int, Field(ge=0)]
    label_categories: Count
    habit_length: Count
    item_buckets: Annotated[int, Field(ge=0)]
    channels: Annotated[list[str], AfterValidator(_channels)]
    numbers: Literal["logarithm", "quantile"]
    checkpoint_steps: Count
    restarts: Annotated[int, Field(ge=0)]
    align: bool
    interest_half_life_days: Positive
    interest_action_weight: ActionWeights  # type: ignore[valid-type]
    beat: Duration
    stall: Duration
    network: Network

    @field_validator("shards")
    @classmethod
    def _shared_evenly(cls, shards: int, others: ValidationInfo) -> int:
        if shards % others.data.get("processes", 1):
            raise ValueError(f"a multiple of train_model.processes, which is {others.data['processes']}")
        return shards


class PretrainModel(Section):
    """What the body of the profile model learns without labels; its network is train_model's, as are its ranks."""

    epochs: Count
    learning_rate: Positive
    patience: Count
    item: Weight
    category: Weight
    action: Weight
    gap: Weight
    contrast: Weight


class FinetuneModel(Section):
    """One head of the profile model, from what was pre-trained or from scratch."""

    task: str
    start: Literal["pretrained", "scratch"]
    frozen: list[Literal["event", "history"]]
    labels_share: Annotated[float, Field(gt=0, le=1)]
    epochs: Count
    learning_rate: Positive
    patience: Count
    seed: int

    @field_validator("task")
    @classmethod
    def _is_a_head(cls, task: str) -> str:
        if task not in HEADS:
            raise ValueError(f"one of {', '.join(HEADS)}")
        return task


class NextItems(Learning):
    """The next-item model of whole histories."""

    sampled_items: Annotated[int, Field(ge=0)]
    sampled_loss: Literal["softmax", "gbce"]
    gbce_t: Annotated[float, Field(ge=0, le=1)]
    contents: list[Literal["words", "text", "image"]]
    content_width: Count
    network: HistoryNetwork

    def of_task(self) -> dict[str, Any]:
        sampled = {name: getattr(self, name) for name in ("sampled_items", "sampled_loss", "gbce_t")}
        return {**super().of_task(), **sampled}

    @field_validator("sampled_loss")
    @classmethod
    def _of_sampled_items(cls, loss: str, others: ValidationInfo) -> str:
        if loss == "gbce" and others.data.get("sampled_items") == 0:
            raise ValueError("softmax where next_items.sampled_items is 0, since gbce tells from sampled items alone")
        return loss
