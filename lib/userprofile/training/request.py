"""All that a rank needs to know, as one text that travels to wherever the rank runs."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from userprofile.errors import UsageError
from userprofile.feed.histories import HISTORIES, HistorySpec
from userprofile.feed.plan import rows_of_shard
from userprofile.spec import FeatureSpec


@dataclass(frozen=True)
class TrainingRequest:
    """One training on one pinned version of a gold table; which task it is, the spec says.

    `table` is a path or URI that every rank can read. `batch_rows` is the global batch, cut into `shards` equal parts.
    `settings` are those of the task's network. Raises UsageError when the batch cannot be cut.
    """

    table: str
    version: int
    spec: FeatureSpec | HistorySpec
    settings: Mapping[str, Any]
    epochs: int
    batch_rows: int
    learning_rate: float
    weight_decay: float
    patience: int  # epochs without anything better on validation before stopping
    seed: int
    shards: int
    threads_per_rank: int
    timeout_seconds: float  # of the whole training
    learnt: str = "train"  # the split that is learnt from
    validated: str = "validation"  # the split that says when to stop; none where empty
    stall_seconds: float = 300.0  # without a finished step, after which a rank ends itself and thereby all
    checkpoints: str = ""  # a folder or URI that rank 0 can write to and, begun again, read from; none without
    beats: str = ""  # host:port of a launcher that listens
    ranks: int = 0  # that must come; 0: any number
    silent_seconds: float = 10.0  # without a beat, after which the launcher takes a rank for lost
    checkpoint_steps: int = 500  # from one checkpoint to the next; there is also one at the end of an epoch
    warmup_steps: int = 0  # until the learning rate is reached
    bind_to_cores: bool = False  # a rank runs on cores of its own of its machine, as many as its threads
    cycle_milliseconds: float = 5.0  # from one time that Horovod asks all ranks what they have ready to the next
    shard_item_table: bool = False  # each rank trains a part of the profile model's item embeddings, not all
    half_precision: bool = False  # of gradients while they are added up over ranks
    gradient_accumulation: int = 1  # equal parts of a rank's batch, one in memory at a time
    skipped_steps: int = 0  # of an epoch at most: those whose gradients are no finite numbers
    pretraining: bool = False  # without labels: the body of the profile model
    begun_by: str = ""  # a folder or URI that rank 0 can read: the body that a pre-training left; none where empty
    frozen: tuple[str, ...] = ()  # parts of the body that stay as they are
    learnt_share: float = 1.0  # of each row group that is learnt from, its first rows
    timed_steps: int = 0  # then nothing is learnt but where the seconds of so many steps go (training/timing.py)

    def __post_init__(self) -> None:
        rows = rows_of_shard(self.batch_rows, self.shards)
        if rows % self.gradient_accumulation:
            raise UsageError(
                "a rank's batch cannot be cut into equal parts",
                expected=f"a divisor of the {rows} rows of a shard",
                received=f"gradient_accumulation {self.gradient_accumulation}",
                fix="set train_model.gradient_accumulation, or batch_rows and shards",
            )

    def to_json(self) -> str:
        """Keys sorted: the same request is the same text."""
        fields = {**asdict(self), "settings": dict(self.settings), "spec": self.spec.to_json()}
        return json.dumps(fields, sort_keys=True, allow_nan=False)

    def identity(self) -> str:
        """Equal where training would do the same: its limits, and where it stands, are left out."""
        beside = {
            "timeout_seconds", "stall_seconds", "silent_seconds", "beats", "ranks", "checkpoints", "checkpoint_steps",
            "threads_per_rank", "bind_to_cores", "cycle_milliseconds", "skipped_steps",
            "shard_item_table",
        }  # fmt: skip
        fields = {name: value for name, value in json.loads(self.to_json()).items() if name not in beside}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> TrainingRequest:
        """Raises UsageError when the text is no request."""
        try:
            fields = json.loads(text)
            return cls(**{**fields, "spec": _spec(fields["spec"]), "frozen": tuple(fields["frozen"])})
        except (ValueError, KeyError, TypeError) as reason:
            raise UsageError(
                "this is not a training request", expected="to_json's text", received=str(reason)
            ) from reason


def _spec(text: str) -> FeatureSpec | HistorySpec:
    return HistorySpec.from_json(text) if json.loads(text).get("kind") == HISTORIES else FeatureSpec.from_json(text)


def body_identity(spec: FeatureSpec | HistorySpec) -> str:
    """Equal where the inputs of the body mean the same: what heads there are is left out."""
    fields = {name: value for name, value in json.loads(spec.to_json()).items() if name != "heads"}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def scaled_learning_rate(rate: float, *, batch_rows: int, of_batch_rows: int) -> float:
    """The rate for `batch_rows`, of one that was found for `of_batch_rows`: times the square root of their ratio.

    For Adam, whose steps are of the gradient over the root of its second moment: Malladi et al. 2022, "On the SDEs and
    Scaling Rules for Adaptive Gradient Algorithms" (arXiv:2205.10287). SGD would scale in proportion.

    >>> scaled_learning_rate(0.002, batch_rows=1024, of_batch_rows=256)
    0.004
    """
    return rate * math.sqrt(batch_rows / of_batch_rows)
