"""The reasons of scores: of each score of each user the three topics that move it most."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from userprofile.explain.evidence import CATEGORIES, Evidence, Names, of_network, of_rung
from userprofile.explain.network import FEW, Attribution, NetworkAttribution
from userprofile.explain.wording import Wording
from userprofile.feed.examples import to_batch
from userprofile.heads.every import HEADS
from userprofile.heads.head import Head, HeadOfClasses
from userprofile.heads.serving import NETWORK
from userprofile.inference.score import Scorer, parts_of
from userprofile.schemas.scores import REASONS

KEPT = 3

RAISES, LOWERS = "raises", "lowers"


class Reasoner:
    """Of the scores of one scorer, in the words of one language."""

    def __init__(self, scorer: Scorer, wording: Wording) -> None:
        self.scorer, self.wording = scorer, wording
        of_network = [name for name, one in scorer.serving.heads.items() if one.model == NETWORK]
        self.network = NetworkAttribution(scorer.network, of_network) if of_network else None

    def with_reasons(self, table: pa.Table, scores: pa.Table) -> pa.Table:
        """The SCORES of rows with their `reasons`: scores in their order, of each the strongest first."""
        found = [self._reasons(*parts) for parts in zip(parts_of(table), parts_of(scores), strict=True)]
        place = scores.column_names.index("reasons")
        return scores.set_column(place, REASONS, pa.chunked_array(found, REASONS.type))

    def attributed(self, table: pa.Table, *, steps: int = FEW) -> dict[str, Attribution]:
        """Of the scores that the network serves."""
        if self.network is None:
            return {}
        return self.network.attributions(to_batch(table, self.scorer.spec), steps=steps)

    def evidence(
        self,
        table: pa.Table,
        scores: pa.Table,
        attributed: Mapping[str, Attribution],
        *,
        categories: int = CATEGORIES,
    ) -> dict[str, Evidence]:
        """By score, of rows and their SCORES; so many rows as fit into memory with all candidates."""
        spec, serving = self.scorer.spec, self.scorer.serving.heads
        batch = to_batch(table, spec)
        found = {}
        for name, one in serving.items():
            head = HEADS[name]
            names = Names(self.scorer.words["category"], _classes(head, scores))
            if one.model == NETWORK:
                found[name] = of_network(attributed[name], table, batch, spec, names, categories=categories)
            else:
                found[name] = of_rung(head, self.scorer.rungs[name], one.model, table, spec, names)
        return found

    def _reasons(self, table: pa.Table, scores: pa.Table) -> pa.Array:
        of_scores = self.evidence(table, scores, self.attributed(table)).items()
        frames = [strongest(HEADS[name], evidence, scores) for name, evidence in of_scores]
        listed = (
            self.wording.with_text(pl.concat(frames))
            .sort("row", maintain_order=True)
            .group_by("row", maintain_order=True)
            .agg(pl.struct(field.name for field in REASONS.type.value_type).alias("reasons"))
        )
        rows = pl.DataFrame({"row": np.arange(scores.num_rows)}).join(listed, "row", how="left", maintain_order="left")
        return rows["reasons"].to_arrow().cast(REASONS.type)


_CACHE: list[Reasoner] = []


def cached_reasoner(scorer: Scorer, wording: Wording) -> Reasoner:
    """The process's latest reasoner where it is this one: to cut a network takes seconds."""
    if not _CACHE or _CACHE[0].scorer is not scorer or _CACHE[0].wording != wording:
        _CACHE[:] = [Reasoner(scorer, wording)]
    return _CACHE[0]


def strongest(head: Head, evidence: Evidence, scores: pa.Table, *, most: int = KEPT) -> pl.DataFrame:
    """Rows of reasons, without text, of users whose score is known; a part of 0 is none."""
    size = np.abs(evidence.part)
    best = np.argsort(-size, axis=1, kind="stable")[:, :most]
    share = size / np.maximum(size.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    known = scores[head.column].is_valid().to_numpy()
    row, place = np.nonzero((np.take_along_axis(size, best, axis=1) > 0) & known[:, None])
    chosen = row, best[row, place]
    return pl.DataFrame(
        {
            "row": row,
            "score": np.full(len(row), head.name),
            "code": evidence.code[chosen],
            "direction": np.where(evidence.part[chosen] > 0, RAISES, LOWERS),
            "part": evidence.part[chosen].astype(np.float64),
            "share": share[chosen],
            "value": evidence.value[chosen],
            "usual": evidence.usual[chosen],
            "window_days": evidence.window_days[chosen],
            "name": pl.Series(evidence.name[chosen].tolist(), dtype=pl.String),
            "unit": evidence.unit[chosen],
        }
    )


def _classes(head: Head, scores: pa.Table) -> np.ndarray:
    """[rows] the name of the likeliest class; null where there are none."""
    lists = scores[head.column].combine_chunks()
    names = np.full(len(lists), None)
    if isinstance(head, HeadOfClasses):
        has = pc.fill_null(pc.greater(pc.list_value_length(lists), 0), False)
        firsts = pc.list_element(lists.filter(has), 0)
        names[has.to_numpy(zero_copy_only=False)] = pc.struct_field(firsts, "name").to_pylist()
    return names
