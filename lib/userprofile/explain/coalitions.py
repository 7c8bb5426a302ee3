"""What a score of one user would be without some of what is known: G players, each a topic or a category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.baselines.boosting import BoostedTrees
from userprofile.feed.examples import list_columns
from userprofile.heads.every import HEADS
from userprofile.heads.head import HeadOfClasses
from userprofile.inference.score import Scorer


@dataclass(frozen=True)
class Player:
    """A topic by the features it takes, or else a category by its code."""

    features: tuple[str, ...] = ()
    category: int = 0


class Coalitions:
    """Of one row of features joined with sequences. The class that a score speaks of is the whole user's."""

    def __init__(self, scorer: Scorer, name: str, row: pa.Table, players: Sequence[Player]) -> None:
        self.scorer, self.head, self.row, self.players = scorer, HEADS[name], row, players
        self.typical = {feature.name: feature.typical for feature in scorer.spec.dense}
        self.place: np.ndarray | None = None
        if isinstance(self.head, HeadOfClasses):
            self.place = self._raw(row).argmax(axis=1)

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """[M] of masks [M, G]: what the model says where only players of 1 are known, in units of Head.explained."""
        there = np.asarray(masks) > 0
        changed = {**self._numbers(there), **self._lists(there)}
        rows = pa.concat_tables([self.row] * len(there))
        for name, column in changed.items():
            rows = rows.set_column(rows.column_names.index(name), name, column)
        return self._explained(rows)

    def _explained(self, rows: pa.Table) -> np.ndarray:
        place = None if self.place is None else np.repeat(self.place, rows.num_rows)
        rung = self.scorer.rungs.get(self.head.name)
        if rung is None:
            return np.asarray(self.head.explained(self.scorer.outputs(rows), place))
        if isinstance(rung, BoostedTrees):
            return rung.margins(rows, place)
        return self.head.explained_of_raw(self._raw(rows))

    def _numbers(self, there: np.ndarray) -> dict[str, pa.Array]:
        """What is not known is what is usual among users."""
        return {
            name: pa.array([self.row[name][0].as_py() if known else self.typical[name] for known in of_player])
            for player, of_player in zip(self.players, there.T, strict=True)
            for name in player.features
        }

    def _lists(self, there: np.ndarray) -> dict[str, pa.Array]:
        """Without the events of categories that are not known."""
        spec = self.scorer.spec
        category = np.array(self.row[spec.category_column][0].as_py(), np.int64)
        players = np.array([player.category for player in self.players])
        kept = [~np.isin(category, players[~known & (players > 0)]) for known in there]
        return {
            name: pa.array([np.array(self.row[name][0].as_py())[one] for one in kept], self.row.schema.field(name).type)
            for name in list_columns(spec)
        }

    def _raw(self, table: pa.Table) -> np.ndarray:
        rung = self.scorer.rungs.get(self.head.name)
        if rung is None:
            return self.head.raw(self.scorer.outputs(table))
        return self.head.raw_of_rung(rung.predict(table))
