"""What ranks do together. The only module that imports Horovod, and only where there is more than one rank."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from userprofile.errors import EnvironmentMismatchError

Value = TypeVar("Value")


class Collective(Protocol):
    """Every method is called by all ranks in the same order, or they wait for each other in vain."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def local_rank(self) -> int:
        """The number of the rank on its machine."""

    def allreduce_gradients(self, tensors: Sequence[Any]) -> list[Any]:
        """Each tensor summed over ranks, in one grouped call; dense tensors of one type, also inside a tf.function."""

    def exchange(self, rows: Any, counts: Any) -> tuple[Any, Any]:
        """Rows of a tensor to ranks, counts[r] of them to rank r, in their order; and what comes from all ranks, with
        how many of each. An alltoall, also inside a tf.function, whose gradient is the way back.
        """

    def gather_rows(self, rows: Any) -> Any:
        """Rows of a tensor from all ranks, which may have differently many; also inside a tf.function."""

    def gather(self, array: np.ndarray) -> np.ndarray:
        """[size, ...]: every rank's array, of one shape and type, in the order of ranks."""

    def sum(self, values: Mapping[str, float]) -> dict[str, float]:
        """Each value summed over ranks in double precision; all ranks give the same keys."""

    def broadcast(self, variables: Sequence[Any]) -> None:
        """Rank 0's values into the Keras variables of all ranks."""

    def broadcast_object(self, value: Value) -> Value:
        """Rank 0's value, pickled; what the other ranks pass does not matter."""

    def gather_object(self, value: Value) -> list[Value]:
        """Every rank's value, pickled, in the order of ranks."""

    def barrier(self) -> None:
        """Returns once all ranks have come here."""


def of_environment(ranks: int = 0) -> Collective:
    """The ranks that a Horovod launcher started together with this one; alone where no launcher did.

    Raises EnvironmentMismatchError where they are not so many as `ranks`, unless that is 0.
    """
    size = int(os.environ.get("HOROVOD_SIZE", "1"))
    if ranks and size != ranks:
        raise EnvironmentMismatchError(
            "the launcher has not started the ranks that it was asked for",
            expected=f"HOROVOD_SIZE={ranks}, and HOROVOD_RANK, in the environment of each",
            received=f"HOROVOD_SIZE={os.environ.get('HOROVOD_SIZE', '')}",
            fix="mend train_model.launcher: docs/launchers.md says what a rank must be told",
        )
    return with_horovod() if size > 1 else alone()


def alone() -> Collective:
    """A world of one rank, without Horovod."""
    return _Alone()


def with_horovod() -> Collective:
    """The world of HOROVOD_SIZE ranks that this process was launched into; blocks until all have come."""
    import horovod.tensorflow as hvd

    hvd.init()
    return _Horovod(hvd)


@dataclass(frozen=True)
class _Alone:
    rank: int = 0
    size: int = 1
    local_rank: int = 0

    def allreduce_gradients(self, tensors: Sequence[Any]) -> list[Any]:
        return list(tensors)

    def exchange(self, rows: Any, counts: Any) -> tuple[Any, Any]:
        return rows, counts

    def gather_rows(self, rows: Any) -> Any:
        return rows

    def gather(self, array: np.ndarray) -> np.ndarray:
        return array[None]

    def sum(self, values: Mapping[str, float]) -> dict[str, float]:
        return dict(values)

    def broadcast(self, variables: Sequence[Any]) -> None:
        pass

    def broadcast_object(self, value: Value) -> Value:
        return value

    def gather_object(self, value: Value) -> list[Value]:
        return [value]

    def barrier(self) -> None:
        pass


class _Horovod:
    def __init__(self, hvd: Any) -> None:
        self._hvd = hvd
        self.rank: int = hvd.rank()
        self.size: int = hvd.size()
        self.local_rank: int = hvd.local_rank()

    def allreduce_gradients(self, tensors: Sequence[Any]) -> list[Any]:
        # Not DistributedOptimizer: it asks Keras 3 variables for `.ref`, which they lack.
        return list(self._hvd.grouped_allreduce(list(tensors), op=self._hvd.Sum))

    def exchange(self, rows: Any, counts: Any) -> tuple[Any, Any]:
        received, of_ranks = self._hvd.alltoall(rows, splits=counts)
        return received, of_ranks

    def gather_rows(self, rows: Any) -> Any:
        return self._hvd.allgather(rows)

    def gather(self, array: np.ndarray) -> np.ndarray:
        return np.asarray(self.gather_rows(array[None]))

    def sum(self, values: Mapping[str, float]) -> dict[str, float]:
        import tensorflow as tf

        names = sorted(values)
        local = tf.constant(np.array([values[name] for name in names], np.float64))
        total = self._hvd.allreduce(local, op=self._hvd.Sum, name="sum_of_metrics").numpy()
        return {name: float(total[names.index(name)]) for name in values}

    def broadcast(self, variables: Sequence[Any]) -> None:
        self._hvd.broadcast_variables([variable.value for variable in variables], root_rank=0)

    def broadcast_object(self, value: Value) -> Value:
        return self._hvd.broadcast_object(value, root_rank=0)

    def gather_object(self, value: Value) -> list[Value]:
        return self._hvd.allgather_object(value)

    def barrier(self) -> None:
        self.sum({"here": 1.0})  # Horovod's own is not there for TensorFlow
