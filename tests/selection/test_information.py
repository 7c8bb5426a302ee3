from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from userprofile.selection.information import information_of_noise, mutual_information, separation

RNG = np.random.default_rng(4)
LABEL = (RNG.random(300) < 0.3).astype(int)


def share_in_order(values, label, null):
    """Of all pairs of a buyer and another, how many have the buyer above; ties count half."""
    filled = np.where(np.isnan(values), null, values)
    pairs = [(yes > no) + 0.5 * (yes == no) for yes, no in product(filled[label == 1], filled[label == 0])]
    area = sum(pairs) / len(pairs)
    return max(area, 1 - area)


def test_separation_counts_pairs_in_order():
    values = np.round(RNG.normal(size=(300, 3)) + LABEL[:, None] * [0, 1, -2], 1)
    values[RNG.random(values.shape) < 0.2] = np.nan
    expected = [max(share_in_order(column, LABEL, null) for null in (-1e9, 1e9)) for column in values.T]
    assert separation(values, LABEL) == pytest.approx(expected)


def test_information_of_the_label_itself_is_its_entropy():
    share = LABEL.mean()
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    told = mutual_information(np.stack([LABEL.astype(float), np.ones(300)], axis=1), LABEL)
    assert told == pytest.approx([entropy, 0.0])


def test_a_null_tells_as_much_as_a_value():
    only_buyers = np.where(LABEL == 1, 5.0, np.nan)[:, None]
    assert mutual_information(only_buyers, LABEL) == pytest.approx(mutual_information(LABEL[:, None] * 1.0, LABEL))


def test_noise_is_about_as_large_as_what_noise_tells():
    values = RNG.normal(size=(300, 40))
    told, noise = mutual_information(values, LABEL), information_of_noise(values, LABEL, seed=1)
    assert 0.3 < told.mean() / noise.mean() < 0.8
    assert (told <= noise).mean() > 0.85


def test_the_same_seed_gives_the_same_noise():
    values = RNG.normal(size=(300, 2))
    first, second = (information_of_noise(values, LABEL, seed=9) for _ in range(2))
    assert first.tolist() == second.tolist()
