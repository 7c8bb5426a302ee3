"""Lists of a column as arrays of one length. No loop over rows: offsets, masks and one gather."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from userprofile.spec import places_of


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


def multi_hot(column: pa.ChunkedArray, classes: Sequence[int]) -> np.ndarray:
    """float32 [rows, C]: 1 where the row lists the class; codes that are no class are left out."""
    lists = list_array(column)
    row = np.repeat(np.arange(len(lists)), lengths(lists))
    place = places_of(lists.flatten().to_numpy(), classes)
    hot = np.zeros((len(lists), len(classes)), np.float32)
    hot[row[place >= 0], place[place >= 0]] = 1
    return hot


def first_listed(column: pa.ChunkedArray, classes: Sequence[int], most: int) -> np.ndarray:
    """int32 [rows, M]: place + 1 of each listed code that is a class, in order, the first `most` of a row; then 0."""
    lists = list_array(column)
    row = np.repeat(np.arange(len(lists)), lengths(lists))
    place = places_of(lists.flatten().to_numpy(), classes)
    row, place = row[place >= 0], place[place >= 0]
    counts = np.bincount(row, minlength=len(lists))
    within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    listed = np.zeros((len(lists), most), np.int32)
    listed[row[within < most], within[within < most]] = place[within < most] + 1
    return listed


def list_array(column: pa.ChunkedArray) -> pa.ListArray:
    """One array of the whole column; the values of a sliced one begin elsewhere, which its offsets know."""
    array = column.combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def lengths(lists: pa.ListArray) -> np.ndarray:
    """int [rows]; a null list is an empty one."""
    return np.where(lists.is_valid().to_numpy(zero_copy_only=False), np.diff(lists.offsets.to_numpy()), 0)
