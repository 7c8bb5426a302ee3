"""Lists of a column as arrays of one length. No loop over rows: offsets, masks and one gather."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa


def last_events(lists: pa.ListArray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Which cells of [rows, length] hold an event, and, cell by cell, the event's place in `lists.values`.

    The last `length` events of each row, from its first cell on; what is left of the row is padding.
    """
    offsets = lists.offsets.to_numpy()
    counts = np.minimum(lengths(lists), length)
    places = (offsets[1:] - counts)[:, None] + np.arange(length)
    present = np.arange(length) < counts[:, None]
    return present, places[present]


def padded_events(
    lists: pa.ListArray,
    present: np.ndarray,
    places: np.ndarray,
    dtype: type,
    meaning: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """[rows, length]: the meaning of the values at `places` in the cells that are present, 0 in the others."""
    padded: np.ndarray = np.zeros(present.shape, dtype)
    padded[present] = meaning(lists.values.to_numpy()[places])
    return padded


def list_array(column: pa.ChunkedArray) -> pa.ListArray:
    """One array of the whole column; the values of a sliced one begin elsewhere, which its offsets know."""
    array = column.combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def lengths(lists: pa.ListArray) -> np.ndarray:
    """int [rows]; a null list is an empty one."""
    return np.where(lists.is_valid().to_numpy(zero_copy_only=False), np.diff(lists.offsets.to_numpy()), 0)
