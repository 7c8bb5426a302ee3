"""BG/NBD and Gamma-Gamma beside plain Python, a simulated shop, and what is published of the CDNOW sample."""

from __future__ import annotations

import gzip
import math
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from userprofile.baselines.bg_nbd import BetaGeometric
from userprofile.baselines.gamma_gamma import GammaGamma
from userprofile.errors import DataGateError

PUBLISHED = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426)
HISTORIES = [(0, 0.0, 5.0), (1, 2.5, 30.0), (2, 30.43, 38.86), (7, 3.0, 38.0), (40, 38.0, 39.0)]
END, DAYS = date(1997, 9, 30), 7


def columns(rows):
    return tuple(np.array(column, dtype=float) for column in zip(*rows, strict=True))


def beta(p: float, q: float) -> float:
    return math.gamma(p) * math.gamma(q) / math.gamma(p + q)


def likelihood_by_hand(model: BetaGeometric, x: int, recency: float, age: float) -> float:
    """Equation (6) of the paper, as it is written there."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    buying = math.gamma(r + x) * alpha**r / math.gamma(r)
    alive = beta(a, b + x) / beta(a, b) * buying / (alpha + age) ** (r + x)
    left = beta(a + 1, b + x - 1) / beta(a, b) * buying / (alpha + recency) ** (r + x) if x else 0.0
    return alive + left


def gamma_density(value: float, shape: float, rate: float) -> float:
    return rate**shape * value ** (shape - 1) * math.exp(-rate * value) / math.gamma(shape)


def expected_by_hand(model: BetaGeometric, x: int, age: float, horizon: float, cells: int = 400) -> float:
    """Purchases expected of a user alive at `age`, summed over a grid of rates and chances of leaving."""
    shape, rate, first, second = model.r + x, model.alpha + age, model.a, model.b + x
    purchases = weight = 0.0
    # The substitution rate = u ** 4 tames the density at 0, where few purchases make it steep.
    for step in range(cells):
        u = (step + 0.5) / cells * (12 * (shape + 3) / rate) ** 0.25
        buying, jacobian = u**4, 4 * u**3
        density = gamma_density(buying, shape, rate) * jacobian
        weight += density
        inner = inner_weight = 0.0
        for place in range(100):
            w = (place + 0.5) / 100
            leaving, of_leaving = w**3, 3 * w**2
            mass = leaving ** (first - 1) * (1 - leaving) ** (second - 1) * of_leaving
            inner += mass * (1 - math.exp(-buying * leaving * horizon)) / leaving
            inner_weight += mass
        purchases += density * inner / inner_weight
    return purchases / weight


def test_the_likelihood_is_that_of_the_paper():
    logs = PUBLISHED.log_likelihood(*columns(HISTORIES))
    for history, log in zip(HISTORIES, logs, strict=True):
        assert log == pytest.approx(math.log(likelihood_by_hand(PUBLISHED, *history)), abs=1e-9)


def test_expectations_are_sums_over_rates_and_chances_of_leaving():
    x, recency, age = columns(HISTORIES)
    alive = PUBLISHED.alive(x, recency, age)
    purchases = PUBLISHED.expected_purchases(x, recency, age, horizon=39)
    for row, (count, _, old) in enumerate(HISTORIES):
        by_hand = expected_by_hand(PUBLISHED, count, old, 39)
        assert purchases[row] / alive[row] == pytest.approx(by_hand, rel=0.02)


def test_the_papers_own_example():
    """Its customer with two repeats, the last in week 30.43 of 38.86, is expected to buy 1.226 times in 39 weeks."""
    x, recency, age = columns([(2, 30.43, 38.86)])
    assert PUBLISHED.expected_purchases(x, recency, age, horizon=39)[0] == pytest.approx(1.226, abs=2e-3)


def test_who_never_repeated_is_alive_and_many_purchases_stay_finite():
    x, recency, age = columns([(0, 0.0, 300.0), (3_000, 10.0, 300.0), (3_000, 300.0, 300.0)])
    assert PUBLISHED.alive(x, recency, age)[0] == 1
    expected = PUBLISHED.expected_purchases(x, recency, age, horizon=39)
    assert np.isfinite(expected).all()
    assert expected[1] == pytest.approx(0, abs=1e-9)
    assert expected[2] > 100
    even = BetaGeometric(0.5, 5.0, 1.0, 2.0).expected_purchases(x, recency, age, horizon=39)  # a = 1 is 0 / 0
    near = BetaGeometric(0.5, 5.0, 1.001, 2.0).expected_purchases(x, recency, age, horizon=39)
    assert even == pytest.approx(near, rel=0.02)


def simulated(model: BetaGeometric, users: int, seed: int) -> list[tuple[int, float, float]]:
    rng = np.random.default_rng(seed)
    histories = []
    for age in rng.uniform(20, 60, users):
        rate, leaving = rng.gamma(model.r, 1 / model.alpha), rng.beta(model.a, model.b)
        time, last, repeats = rng.exponential(1 / rate), 0.0, 0
        while time < age:
            last, repeats = time, repeats + 1
            if rng.random() < leaving:
                break
            time += rng.exponential(1 / rate)
        histories.append((repeats, last, age))
    return histories


def test_parameters_of_a_simulated_shop_are_found_again_in_any_unit_of_time():
    planted = BetaGeometric(r=0.8, alpha=9.0, a=0.9, b=2.5)
    x, recency, age = columns(simulated(planted, 12_000, seed=5))
    found = BetaGeometric.fit(x, recency, age)
    assert [found.r, found.alpha, found.a, found.b] == pytest.approx([0.8, 9.0, 0.9, 2.5], rel=0.25)
    in_days = BetaGeometric.fit(x, recency * 7, age * 7)
    assert [in_days.r, in_days.alpha, in_days.a] == pytest.approx([found.r, found.alpha * 7, found.a], rel=1e-3)


def test_a_shop_without_repeats_or_amounts_is_refused():
    once, nothing = np.zeros(3), np.full(3, np.nan)
    with pytest.raises(DataGateError, match="bought on two days"):
        BetaGeometric.fit(once, once, np.ones(3))
    with pytest.raises(DataGateError, match="amount of a repeat purchase"):
        GammaGamma.fit(np.ones(3), nothing)


def test_values_of_a_simulated_shop():
    rng, planted = np.random.default_rng(3), GammaGamma(p=6.0, q=4.0, v=15.0)
    x = rng.integers(0, 6, 6_000).astype(float)
    rate = rng.gamma(planted.q, 1 / planted.v, 6_000)
    value = np.array([rng.gamma(planted.p * n, 1 / (n * nu)) if n else np.nan for n, nu in zip(x, rate, strict=True)])
    found = GammaGamma.fit(x, value)
    assert [found.p, found.q, found.v] == pytest.approx([6.0, 4.0, 15.0], rel=0.15)
    expected = found.expected_value(x, value)
    population = found.p * found.v / (found.q - 1)
    assert expected[x == 0] == pytest.approx(np.full((x == 0).sum(), population))
    known = x > 0
    between = np.sort(np.stack([value[known], np.full(known.sum(), population)]), axis=0)
    assert ((between[0] <= expected[known]) & (expected[known] <= between[1])).all()


@pytest.fixture(scope="module")
def cdnow(data_folder: Path):
    """Of each customer of the sample: x, t_x, T and mean value to 30 September 1997, and purchase days after it."""
    bought: dict[str, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    with gzip.open(data_folder / "cdnow/CDNOW_sample.txt.gz", "rt") as lines:
        for customer, _, day, _, dollars in map(str.split, lines):
            bought[customer][datetime.strptime(day, "%Y%m%d").date()] += float(dollars)
    rows = []
    for days in bought.values():
        before = sorted(day for day in days if day <= END)
        repeats = [days[day] for day in before[1:]]
        value = sum(repeats) / len(repeats) if repeats else math.nan
        span, age = (before[-1] - before[0]).days / DAYS, (END - before[0]).days / DAYS
        rows.append((len(before) - 1, span, age, value, len(days) - len(before)))
    return columns(rows)


def test_the_published_parameters_and_errors_on_cdnow(cdnow):
    x, recency, age, _, ahead = cdnow
    found = BetaGeometric.fit(x, recency, age)
    assert len(x) == 2_357
    assert [found.r, found.alpha, found.a, found.b] == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=1e-3)
    expected = found.expected_purchases(x, recency, age, horizon=39)
    assert np.mean(np.abs(expected - ahead)) == pytest.approx(0.786, abs=1e-3)
    assert np.corrcoef(expected, ahead)[0, 1] == pytest.approx(0.626, abs=1e-3)


def test_the_published_values_on_cdnow(cdnow):
    x, _, _, value, _ = cdnow
    found = GammaGamma.fit(x, value)
    assert [found.p, found.q, found.v] == pytest.approx([6.25, 3.74, 15.44], abs=0.01)
