"""How fast a training learns at which step."""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable(package="userprofile")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """In proportion to the step up to `rate` at step `steps`, from then on `rate` (Goyal et al. 2017, section 2.2)."""

    def __init__(self, rate: float, steps: int) -> None:
        self.rate, self.steps = rate, steps

    def __call__(self, step: KerasTensor) -> KerasTensor:
        share = (ops.cast(step, "float32") + 1.0) / max(self.steps, 1)
        return self.rate * ops.minimum(share, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "steps": self.steps}
