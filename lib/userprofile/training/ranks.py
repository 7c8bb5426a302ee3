"""What ranks need wherever they run."""

from __future__ import annotations

from userprofile.training.beats import Beats
from userprofile.training.request import TrainingRequest
from userprofile.training.worker import FIRST_STEP_SECONDS

START_SECONDS = 120


def beats_of(request: TrainingRequest) -> Beats:
    """The launcher's ear, with the patience that the request asks for."""
    return Beats(
        silent_seconds=request.silent_seconds,
        stalled_seconds=request.stall_seconds,
        starting_seconds=FIRST_STEP_SECONDS,
    )


def settings_of_libraries(request: TrainingRequest) -> dict[str, str]:
    """Environment variables of a rank."""
    return {
        "HOROVOD_CYCLE_TIME": f"{request.cycle_milliseconds:g}",
        "KERAS_BACKEND": "tensorflow",
        "OMP_NUM_THREADS": str(request.threads_per_rank),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
