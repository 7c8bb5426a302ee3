"""At which place the item that came next stood in the order of several rules, and of their mixture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from userprofile.baselines.distributions import before_popularity, shares_of
from userprofile.baselines.item_histories import ItemHistories
from userprofile.baselines.mixture import mixture_weights, ranking_weights
from userprofile.baselines.neighbours import evenly
from userprofile.baselines.next_item import NextItemRule, Popularity

# Numbers in memory at a time for each rule.
_NUMBERS = 5_000_000

# Users whose orders decide the weights, and items of each model that are looked at for each: its first ones.
_USERS_TO_FIT_BY = 6_000
_HIGH = 100

Distributions = dict[str, np.ndarray]


@dataclass(frozen=True)
class NetworkStates:
    """A network's distributions: the softmax over items of (state . vector + bias) / temperature."""

    states: np.ndarray  # [U, W]
    vectors: np.ndarray  # [K, W]
    bias: np.ndarray  # [K]
    temperature: float = 1.0

    def part(self, first: int, end: int) -> np.ndarray:
        """[users, K]."""
        scores = (self.states[first:end] @ self.vectors.T + self.bias) / self.temperature
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Forecast:
    """Rules, and a network's states of the same users, about what comes after `histories`.

    With `only_new` an item that a user had before is not expected again.
    """

    rules: Mapping[str, NextItemRule]
    popularity: Popularity
    network: NetworkStates
    histories: ItemHistories
    only_new: bool

    def of_users(self, users: np.ndarray) -> Forecast:
        """The same of some users only."""
        network = replace(self.network, states=self.network.states[users])
        return replace(self, network=network, histories=self.histories.of_users(users))

    def tempered(self, temperature: float) -> Forecast:
        """With the network at this temperature."""
        return replace(self, network=replace(self.network, temperature=temperature))

    @property
    def models(self) -> list[str]:
        """In the order of weights."""
        return [*self.rules, "network"]

    def parts(self) -> Iterator[tuple[slice, Distributions]]:
        """Every model's distributions, of some users at a time."""
        users = max(1, _NUMBERS // len(self.popularity.shares))
        for first in range(0, len(self.histories), users):
            part = self.histories.part(first, min(first + users, len(self.histories)))
            models = {name: rule.distributions(part) for name, rule in self.rules.items()}
            models["network"] = self.network.part(first, first + len(part))
            yield slice(first, first + len(part)), {name: self._expected(one, part) for name, one in models.items()}

    def likelihoods(self, target: np.ndarray) -> np.ndarray:
        """[U, M] that each model gave to what came."""
        return np.concatenate(
            [np.stack([_of(one, target[users]) for one in of.values()], 1) for users, of in self.parts()]
        )

    def places(self, target: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        """int [U] by model, and of the mixture of these weights: how many other items stood at least as high.

        An item that is not known, -1, stands behind all.
        """
        found: dict[str, list[np.ndarray]] = {}
        for users, models in self.parts():
            mixed = sum(weight * one for weight, one in zip(weights, models.values(), strict=True))
            for name, one in {"mixture": mixed, **models}.items():
                found.setdefault(name, []).append(places_of(one, target[users]))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def _expected(self, shares: np.ndarray, part: ItemHistories) -> np.ndarray:
        expected = before_popularity(shares, self.popularity.shares)
        if self.only_new:
            known = part.items >= 0
            expected[part.users()[known], part.items[known]] = 0
        return shares_of(expected)


def fitted_temperature(validation: Forecast, target: np.ndarray) -> float:
    """That at which the network alone makes what came after the validation histories most likely.

    Guo et al. 2017 (arXiv:1706.04599). The order of items stays; how much a network counts in a mixture does not.
    """

    asked, target = _some(replace(validation, rules={}), target)

    def loss(logarithm: float) -> float:
        likelihood = asked.tempered(math.exp(logarithm)).likelihoods(target)
        return -float(np.log(np.maximum(likelihood[target >= 0], np.finfo(float).tiny)).sum())

    return math.exp(optimize.minimize_scalar(loss, bounds=(-1, 2), method="bounded", options={"xatol": 0.02}).x)


def fitted_weights(validation: Forecast, target: np.ndarray) -> np.ndarray:
    """Of the mixture that puts what came after the validation histories into the best places."""
    asked, target = _some(validation, target)
    start = mixture_weights(asked.likelihoods(target))
    parts = [_candidates(models, target[users]) for users, models in asked.parts()]
    return ranking_weights(np.concatenate(parts), start)


def _some(forecast: Forecast, target: np.ndarray) -> tuple[Forecast, np.ndarray]:
    """Of users in even steps, as many as are to decide."""
    some = evenly(len(target), _USERS_TO_FIT_BY)
    return forecast.of_users(some), target[some]


def _candidates(models: Distributions, target: np.ndarray) -> np.ndarray:
    """[users, C, M]: of the target, then of whatever stands high in one of the models; C is the same for all."""
    shares = np.stack(list(models.values()))  # [M, users, K]
    high = np.argpartition(-shares, min(_HIGH, shares.shape[2] - 1), axis=2)[:, :, :_HIGH]
    items = np.concatenate([np.maximum(target, 0)[:, None], *high], axis=1)  # [users, C]
    scores = np.stack([np.take_along_axis(one, items, axis=1) for one in shares], axis=2)
    order = np.argsort(items, axis=1, kind="stable")
    ordered = np.take_along_axis(items, order, axis=1)
    is_again = np.zeros(items.shape, bool)
    np.put_along_axis(is_again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    scores[is_again] = -1  # behind all
    scores[target < 0, 0] = -1
    return scores


def places_of(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """int [rows]: columns other than the target that score as high; the number of columns for a target of -1."""
    height = _of(scores, target, unknown=-np.inf)
    return (scores >= height[:, None]).sum(axis=1) - (target >= 0)


def _of(scores: np.ndarray, target: np.ndarray, unknown: float = 0.0) -> np.ndarray:
    return np.where(target >= 0, scores[np.arange(len(target)), np.maximum(target, 0)], unknown)
