from __future__ import annotations

from itertools import pairwise, product

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE, ACTIONS
from userprofile.errors import UsageError
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.transition import transition
from userprofile.schemas.gold import PopulationStatistics

STATES = ("view", "cart", "purchase", "review")
STRENGTH = 3.0
SHARES = {"view": 0.4, "cart": 0.1, "purchase": 0.3, "exposure": 0.2}  # of the four, nobody writes reviews
OF_POPULATION = {"view": 0.5, "cart": 0.125, "purchase": 0.375, "review": 0.0}


def shares(as_ofs, of_action):
    rows = [(as_of.date, "action_share", *share) for as_of in as_ofs for share in of_action.items()]
    return pl.DataFrame(rows, schema=PopulationStatistics.create_empty().schema, orient="row")


@pytest.fixture
def chains(as_ofs, names):
    def run(events, of_action=SHARES, **settings):
        catalogue = compose(transition(**settings))
        statistics = shares(as_ofs, of_action)
        return features_per_user(events, as_ofs=as_ofs, catalogue=catalogue, statistics=statistics, names=names)

    return run


def oracle(history):
    states = [ACTIONS[event["action"]] for event in history if ACTIONS[event["action"]] in STATES]
    steps = list(pairwise(states))
    values = {"last_action": states[-1] if states else None}
    for last, following in product(STATES, STATES):
        k, n = steps.count((last, following)), sum(step[0] == last for step in steps)
        values[f"{last}_then_{following}_count"] = k
        values[f"next_{following}_given_{last}"] = (k + STRENGTH * OF_POPULATION[following]) / (n + STRENGTH)
    for action in STATES:
        values[f"action_rate_{action}"] = sum(event["action"] == ACTION_CODE[action] for event in history) / len(
            history
        )
    return values


def near(value):
    return pytest.approx(value, rel=1e-12) if isinstance(value, float) else value


@pytest.mark.parametrize("seed", range(3))
def test_chains_agree_with_plain_python(chains, random_log, history_of, as_ofs, seed):
    events = random_log(seed)
    for row in chains(events, prior_strength=STRENGTH).to_dicts():
        as_of = next(as_of for as_of in as_ofs if as_of.date == row["as_of_date"])
        expected = oracle(history_of(events, row["user_id"], as_of))
        assert sorted(expected) == sorted(compose(transition()).names)
        assert {name: row[name] for name in expected} == {name: near(value) for name, value in expected.items()}


def test_probabilities_given_an_action_sum_to_one(chains, random_log):
    rows = chains(random_log(0))
    for last in STATES:
        totals = rows.select(pl.sum_horizontal(f"next_{following}_given_{last}" for following in STATES)).to_series()
        assert totals.to_list() == pytest.approx([1.0] * rows.height)


def test_without_statistics_there_are_counts_and_no_probabilities(chains, random_log):
    rows = chains(random_log(0), of_action={"search": 1.0})
    assert rows["view_then_view_count"].sum() > 0
    assert rows["next_view_given_view"].null_count() == rows.height


def test_a_prior_without_strength_is_refused():
    with pytest.raises(UsageError):
        list(transition(prior_strength=0))
