"""All that a rank needs to know, as one text that travels to wherever the rank runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from userprofile.errors import UsageError
from userprofile.feed.plan import rows_of_shard
from userprofile.spec import FeatureSpec


@dataclass(frozen=True)
class TrainingRequest:
    """One training on one pinned version of gold.training_examples.

    `table` is a path or URI that every rank can read. `batch_rows` is the global batch, cut into `shards` equal parts.
    `settings` are those of model.profile_model. Raises UsageError when the batch cannot be cut.
    """

    table: str
    version: int
    spec: FeatureSpec
    settings: Mapping[str, Any]
    epochs: int
    batch_rows: int
    learning_rate: float
    weight_decay: float
    patience: int  # epochs without a better validation loss before stopping
    seed: int
    shards: int
    threads_per_rank: int
    timeout_seconds: float  # of the whole training
    stall_seconds: float = 300.0  # without a finished step, after which a rank ends itself and thereby all
    checkpoints: str = ""  # a folder or URI that rank 0 can write to and, begun again, read from; none without
    beats: str = ""  # host:port of a launcher that listens
    silent_seconds: float = 10.0  # without a beat, after which the launcher takes a rank for lost
    checkpoint_steps: int = 500  # from one checkpoint to the next; there is also one at the end of an epoch

    def __post_init__(self) -> None:
        rows_of_shard(self.batch_rows, self.shards)

    def to_json(self) -> str:
        """Keys sorted: the same request is the same text."""
        fields = {**asdict(self), "settings": dict(self.settings), "spec": self.spec.to_json()}
        return json.dumps(fields, sort_keys=True, allow_nan=False)

    def identity(self) -> str:
        """Equal where training would do the same: how long it may take and where it stands is left out."""
        beside = {
            "timeout_seconds", "stall_seconds", "silent_seconds", "beats", "checkpoints", "checkpoint_steps",
            "threads_per_rank",
        }  # fmt: skip
        fields = {name: value for name, value in json.loads(self.to_json()).items() if name not in beside}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> TrainingRequest:
        """Raises UsageError when the text is no request."""
        try:
            fields = json.loads(text)
            return cls(**{**fields, "spec": FeatureSpec.from_json(fields["spec"])})
        except (ValueError, KeyError, TypeError) as reason:
            raise UsageError(
                "this is not a training request", expected="to_json's text", received=str(reason)
            ) from reason
