"""Histories for bench-model, as long as those of Amazon Beauty, and the rows of a batch; needs nothing but numpy."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LONGEST = 50  # events that a network reads; one more is predicted
BATCH_USERS = 256
# Amazon Beauty 5-core (McAuley et al. 2015): its users, its items, and its least and most events of a user.
USERS, ITEMS, FEWEST, MOST = 22_363, 12_101, 5, 204
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Log:
    """All events, user after user, each in the order of time.

    item int32 in [1, items], 1 the most frequent; gap_days float32, since the user's event before, 0 for the first;
    starts int64 [users + 1], the place of a user's first event.
    """

    item: np.ndarray
    gap_days: np.ndarray
    starts: np.ndarray
    items: int

    @property
    def users(self) -> int:
        return len(self.starts) - 1

    def last(self, user: int, events: int) -> slice:
        """The places of so many of a user's last events, or of all that there are."""
        end = int(self.starts[user + 1])
        return slice(max(int(self.starts[user]), end - events), end)

    def save(self, file: Path) -> None:
        np.savez(file, item=self.item, gap_days=self.gap_days, starts=self.starts, items=self.items)


def saved(file: Path) -> Log:
    """What Log.save wrote."""
    with np.load(file) as arrays:
        return Log(arrays["item"], arrays["gap_days"], arrays["starts"], int(arrays["items"]))


def drawn(*, users: int = USERS, items: int = ITEMS, seed: int = 7) -> Log:
    """A log whose lengths are spread as Beauty's: P(at least 5 + k events) = (1 + k / 5.1)^-2.15, fitted by eye.

    Mean, median, 90 and 99 % are 8.8, 6, 14 and 40 events, of Beauty 8.9, 6, 14 and 43. Items are drawn by a Zipf law.
    """
    chance = np.random.default_rng(seed)
    beyond = np.floor(5.1 * (chance.random(users) ** (-1 / 2.15) - 1)).astype(np.int64)
    starts = np.concatenate([[0], np.minimum(FEWEST + beyond, MOST).cumsum()])
    events = int(starts[-1])
    weights = 1.0 / np.arange(10, items + 10)
    item = chance.choice(items, size=events, p=weights / weights.sum()) + 1
    gap_days = np.floor(chance.exponential(60.0, events))
    gap_days[starts[:-1]] = 0.0
    return Log(item.astype(np.int32), gap_days.astype(np.float32), starts, items)


def read(file: Path) -> Log:
    """Of a CSV, as it is or in gzip, with columns user_id, item_id, timestamp (seconds), each user's lines together."""
    with gzip.open(file, "rt") if file.suffix == ".gz" else file.open() as lines:
        rows = [(row["user_id"], row["item_id"], float(row["timestamp"])) for row in csv.DictReader(lines)]
    user, name, seconds = (np.array(column) for column in zip(*rows, strict=True))
    is_first = np.concatenate([[True], user[1:] != user[:-1]])
    _, index, counts = np.unique(name, return_inverse=True, return_counts=True)
    place = np.empty(len(counts), np.int32)
    place[np.argsort(-counts, kind="stable")] = np.arange(1, len(counts) + 1)
    gap_days = np.where(is_first, 0.0, np.diff(seconds, prepend=seconds[0]) / SECONDS_A_DAY)
    starts = np.concatenate([np.flatnonzero(is_first), [len(user)]])
    return Log(place[index], gap_days.astype(np.float32), starts, len(counts))


def batches_of_users(log: Log, *, seed: int = 7) -> Iterator[np.ndarray]:
    """The users of one batch after the other, for ever: the same ones, in the same order, for whoever asks."""
    chance = np.random.default_rng(seed)
    while True:
        order = chance.permutation(log.users)
        for start in range(0, log.users - BATCH_USERS + 1, BATCH_USERS):
            yield order[start : start + BATCH_USERS]


def padded(log: Log, users: np.ndarray, *, at_end: bool) -> tuple[np.ndarray, np.ndarray]:
    """(item read, item after it), both int64 [B, LONGEST], 0 where padded: at the end, else before the first event."""
    read_, after = (np.zeros((len(users), LONGEST), np.int64) for _ in range(2))
    for row, user in enumerate(users):
        events = log.item[log.last(int(user), LONGEST + 1)]
        count = len(events) - 1
        place = slice(0, count) if at_end else slice(LONGEST - count, LONGEST)
        read_[row, place], after[row, place] = events[:-1], events[1:]
    return read_, after
