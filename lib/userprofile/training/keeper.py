"""Checkpoints of one training: taken between two steps, written beside those that follow."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from userprofile.errors import EnvironmentMismatchError
from userprofile.training.checkpoint import Checkpoint, Checkpoints
from userprofile.training.collective import Collective
from userprofile.training.request import TrainingRequest
from userprofile.training.state import TrainingState


class Keeper:
    """Rank 0 writes, and finds what all ranks go on from; does nothing where the training has no place for any."""

    def __init__(self, request: TrainingRequest, collective: Collective) -> None:
        self._collective, self._identity = collective, request.identity()
        self._is_wanted = bool(request.checkpoints)
        self._checkpoints: Checkpoints | None = None
        if collective.rank == 0 and self._is_wanted:
            self._checkpoints = Checkpoints(request.checkpoints)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def resume(self, state: TrainingState, report: Callable[[str], None]) -> None:
        """All ranks from the checkpoint that rank 0 finds."""
        found = self._checkpoints.latest(self._identity) if self._checkpoints else None
        if found := self._collective.broadcast_object(found):
            state.resume(found)
            report(f"going on after step {state.step:,} of epoch {state.epoch}, from a checkpoint")

    def keep(self, state: TrainingState) -> None:
        """Copies the state and returns; the one before it stands by then. Raises what writing that one raised."""
        self.wait()
        if not self._is_wanted or not (self._checkpoints or state.sharding.rows):
            return
        checkpoint = state.checkpoint(self._identity)  # of a sharded network all ranks tell their parts
        if self._checkpoints:
            self._writing = self._thread.submit(_save, self._checkpoints, checkpoint)

    def wait(self) -> None:
        """Until the last one stands. Raises EnvironmentMismatchError where it could not be written."""
        if self._writing:
            writing, self._writing = self._writing, None
            writing.result()


def _save(checkpoints: Checkpoints, checkpoint: Checkpoint) -> None:
    try:
        checkpoints.save(checkpoint)
    except OSError as reason:
        raise EnvironmentMismatchError(
            "a checkpoint of the training cannot be written",
            expected=f"a place that takes files: {checkpoints.root}",
            received=str(reason).splitlines()[0],
            fix="make room there, or let it be written to; the same command goes on from the checkpoint before",
        ) from reason
