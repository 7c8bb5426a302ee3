"""Lists of a column as arrays of one length. No loop over rows: counts, places and one gather."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.spec import places_of

# Gives arrays with a first dimension of rows: of those that it is asked for by their numbers, in the order asked.
Take = Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Events:
    """A column of lists: how many events each row has, and their values, one row's after the other's."""

    counts: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Events:
        """A null list is an empty one."""
        lists = list_array(column)
        return cls(lengths(lists), lists.flatten().to_numpy())

    def meaning(self, values: np.ndarray) -> Events:
        """As many events with other values."""
        return Events(self.counts, values)


def last_events(columns: Mapping[str, Events], length: int) -> Take:
    """By name, [rows, length]: the last `length` events of a row, oldest first, then 0 as padding."""
    # Columns of one table are nearly always as long as each other, and what follows from that is found once.
    layouts: dict[bytes, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
    for name, events in columns.items():
        layouts.setdefault(events.counts.tobytes(), (events.counts, {}))[1][name] = events.values
    found = [(counts.cumsum(), np.minimum(counts, length), values) for counts, values in layouts.values()]

    def take(rows: np.ndarray) -> dict[str, np.ndarray]:
        arrays = {}
        for ends, counts, values in found:
            cells, places = _cells(ends[rows], counts[rows], length)
            for name, of_events in values.items():
                padded = np.zeros(len(rows) * length, of_events.dtype)
                padded[cells] = of_events[places]
                arrays[name] = padded.reshape(len(rows), length)
        return arrays

    return take


def _cells(ends: np.ndarray, counts: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Which cells, counted through all rows, hold an event; and, cell by cell, the event's place in its column."""
    within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
    first = np.arange(len(counts)) * length
    return within + np.repeat(first, counts), within + np.repeat(ends - counts, counts)


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
