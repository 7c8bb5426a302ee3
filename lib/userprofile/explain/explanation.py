"""One score of one user in full: all that moved it, by a method, and whether its parts add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pyarrow as pa

from userprofile.baselines.boosting import BoostedTrees
from userprofile.errors import UsageError
from userprofile.explain.coalitions import Coalitions, Player
from userprofile.explain.evidence import Evidence, explained_place
from userprofile.explain.methods import METHODS
from userprofile.explain.network import FEW, MANY, Attribution
from userprofile.explain.reasons import Reasoner, strongest
from userprofile.explain.topics import CATEGORY_BOUGHT, CATEGORY_MET, FEATURE, topic_of
from userprofile.feed.examples import to_batch
from userprofile.heads.every import HEADS

# Of a history, those that are told apart.
CATEGORIES = 12

# The method of the model that serves the score.
OWN = "own"


@dataclass(frozen=True)
class Explanation:
    """`parts` are rows of Reasoner, strongest first, with `part` and `text`.

    They should add up to `difference`, from a user of whom nothing is known; null where the method does not claim it.
    `heat` [T, channels] are parts of the last events, oldest first, of a network; null of other models and methods.
    """

    score: str
    model: str
    method: str
    parts: pl.DataFrame
    difference: float | None
    heat: np.ndarray | None

    @property
    def gap(self) -> float | None:
        """By how much the parts miss the difference, as a share of their magnitudes together."""
        if self.difference is None:
            return None
        size = float(self.parts["part"].abs().sum())
        return abs(float(self.parts["part"].sum()) - self.difference) / size if size else 0.0


def explained(reasoner: Reasoner, row: pa.Table, score: str, *, method: str = OWN, seed: int = 0) -> Explanation:
    """Of a row of features joined with sequences. Raises UsageError for a null score, or an unknown score or method."""
    scorer = reasoner.scorer
    _require_one_of("score", score, list(scorer.serving.heads))
    _require_one_of("method", method, [OWN, *METHODS])
    scores = scorer.score(row)
    _require_known(score, scores)
    attributed = reasoner.attributed(row, steps=MANY if method == OWN else FEW)
    evidence = reasoner.evidence(row, scores, attributed, categories=CATEGORIES)[score]
    model = scorer.serving.heads[score].model
    if method == OWN:
        name, difference, heat = _own(reasoner, row, score, attributed.get(score))
    else:
        name, heat = method, None
        evidence, difference = _by_coalitions(reasoner, row, score, evidence, method, seed)
    parts = strongest(HEADS[score], evidence, scores, most=evidence.part.shape[1])
    return Explanation(score, model, name, reasoner.wording.with_text(parts), difference, heat)


def _own(
    reasoner: Reasoner, row: pa.Table, score: str, attribution: Attribution | None
) -> tuple[str, float | None, np.ndarray | None]:
    """The method's name, the difference, and the heat map."""
    scorer = reasoner.scorer
    if reasoner.network is not None and attribution is not None:
        difference = reasoner.network.differences(to_batch(row, scorer.spec))[score][0]
        return "integrated gradients", float(difference), attribution.events[0]
    rung = scorer.rungs[score]
    if isinstance(rung, BoostedTrees):
        place = explained_place(HEADS[score], rung, row)
        mean = rung.contributions(row, place)[0, -1]
        return "tree shap", float(rung.margins(row, place)[0] - mean), None
    return "without each topic", None, None


def _by_coalitions(
    reasoner: Reasoner, row: pa.Table, score: str, evidence: Evidence, method: str, seed: int
) -> tuple[Evidence, float | None]:
    """The evidence with parts of another method, for topics and categories; the rest has none."""
    places, players = _players(reasoner, evidence, score)
    if not players:
        raise UsageError(
            f"{score} is served by a rule that has no parts",
            expected="a network, trees or a rule over numbers",
            received=reasoner.scorer.serving.heads[score].model,
            fix=f"METHOD={OWN}",
        )
    value = Coalitions(reasoner.scorer, score, row, players)
    part = np.zeros_like(evidence.part, np.float64)
    part[0, places] = METHODS[method](value, len(players), seed=seed)
    none, whole = value(np.stack([np.zeros(len(players)), np.ones(len(players))]))
    return replace(evidence, part=part), float(whole - none) if method == "shap" else None


def _players(reasoner: Reasoner, evidence: Evidence, score: str) -> tuple[list[int], list[Player]]:
    rung = reasoner.scorer.rungs.get(score)
    features: Sequence[str] = rung.features if isinstance(rung, BoostedTrees) else reasoner.scorer.spec.dense_names
    known = set(reasoner.scorer.spec.dense_names)
    code_of = {name: code for code, name in reasoner.scorer.words["category"].items()}
    players = {}
    for place, (code, name) in enumerate(zip(evidence.code[0], evidence.name[0], strict=True)):
        if code in (CATEGORY_BOUGHT, CATEGORY_MET):
            if name in code_of:
                players[place] = Player(category=code_of[name])
        elif taken := tuple(one for one in features if one in known and _is(one, code, name)):
            players[place] = Player(taken)
    return list(players), list(players.values())


def _is(feature: str, code: str, name: str | None) -> bool:
    return feature == name if code == FEATURE else topic_of(feature).code == code


def _require_one_of(what: str, name: str, known: list[str]) -> None:
    if name not in known:
        raise UsageError(f"there is no {what} {name}", expected=f"one of {', '.join(known)}", received=name)


def _require_known(score: str, scores: pa.Table) -> None:
    if scores[HEADS[score].column].null_count:
        raise UsageError(
            f"the score {score} of this user is not known, so nothing explains it",
            expected=f"a value in {HEADS[score].column}",
            received="null",
            fix="another score, or another user",
        )
