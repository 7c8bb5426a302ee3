from __future__ import annotations

import datetime as dt
from collections import defaultdict

import polars as pl
import pytest

from userprofile.columns import ACTIONS
from userprofile.errors import DataGateError, UsageError
from userprofile.features.affinity import ACTION_WEIGHTS, affinity
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose

KINDS = ("category_1", "category_2", "category_3", "brand", "colour", "price_band")
HALF_LIFE, TOP = 10.0, 3


def shares(history, as_of, kind):
    scores = defaultdict(float)
    for event in history:
        if event[kind] is not None and (weight := ACTION_WEIGHTS.get(ACTIONS[event["action"]])):
            scores[event[kind]] += weight * 2 ** -((as_of.instant - event["event_time"]) / dt.timedelta(days=HALF_LIFE))
    total = sum(scores.values())
    ranked = sorted(scores, key=lambda code: (-scores[code], code))
    return [(f"{kind} / {code}", scores[code] / total) for code in ranked]


def oracle_of(*kinds):
    def oracle(history, as_of):
        return {
            f"{kind}_affinity": [
                {"name": name, "score": pytest.approx(score, rel=1e-9)}
                for name, score in shares(history, as_of, kind)[:TOP]
            ]
            for kind in kinds
        }

    return oracle


def run(events, as_ofs, names, **changes):
    catalogue = compose(affinity(**{"half_life_days": HALF_LIFE, "top": TOP} | changes))
    return features_per_user(events, as_ofs=as_ofs, catalogue=catalogue, statistics=NO_STATISTICS, names=names)


NO_STATISTICS = pl.DataFrame(
    schema={"as_of_date": pl.Date, "statistic": pl.String, "key": pl.String, "value": pl.Float64}
)


def test_affinities_agree_with_plain_python(agrees):
    chosen = affinity(half_life_days=HALF_LIFE, top=TOP, attributes=["style"])
    agrees(chosen, oracle_of(*KINDS, "attribute_style"))


def test_affinities_to_price_bands_agree_with_plain_python(random_log, history_of, as_ofs, names):
    events = random_log(1).with_columns(pl.col("price_band").replace(0, 1))
    for row in run(events, as_ofs[:1], names).to_dicts():
        history = history_of(events, row["user_id"], as_ofs[0])
        assert row["price_band_affinity"] == oracle_of("price_band")(history, as_ofs[0])["price_band_affinity"]


def test_attributes_that_are_asked_for_stand_last():
    named = [(feature.name, feature.by) for feature in affinity(half_life_days=HALF_LIFE, top=TOP, attributes=["cut"])]
    assert named == [(f"{kind}_affinity", kind) for kind in (*KINDS, "attribute_cut")]


def test_shares_of_all_values_sum_to_one_and_the_cut_keeps_them(random_log, as_ofs, names):
    whole, cut = (run(random_log(1), as_ofs, names, top=top)["brand_affinity"] for top in (100, TOP))
    totals = whole.list.eval(pl.element().struct.field("score")).list.sum().to_list()
    assert totals == pytest.approx([1.0] * len(totals))
    assert whole.list.head(TOP).to_list() == cut.to_list()


def test_what_weighs_nothing_leaves_an_empty_list(random_log, as_ofs, names):
    rows = run(random_log(1), as_ofs, names, action_weights={"view": 0.0})
    assert rows["brand_affinity"].to_list() == [[]] * rows.height


def test_the_smaller_code_stands_first_among_equals(random_log, as_ofs, names):
    one = random_log(1).filter(pl.col("action") == 0, pl.col("known_at") < as_ofs[0].instant).head(1)
    tied = pl.concat([one.with_columns(pl.lit(brand, pl.Int32).alias("brand")) for brand in (7, 5, 9, 2)])
    (ranking,) = run(tied, as_ofs[:1], names)["brand_affinity"].to_list()
    assert ranking == [{"name": f"brand / {code}", "score": 0.25} for code in (2, 5, 7)]


def test_ancient_events_still_have_shares(random_log, as_ofs, names):
    usual, rows = (run(random_log(1), as_ofs, names, half_life_days=days) for days in (30.0, 1e-4))
    lengths = pl.col("brand_affinity").list.len()
    assert rows.select(lengths > 0).equals(usual.select(lengths > 0))
    scores = rows["brand_affinity"].list.eval(pl.element().struct.field("score")).list.first().drop_nulls()
    assert scores.is_finite().all()
    assert (scores > 0).all()


def test_a_code_without_a_word_is_refused(random_log, as_ofs, names):
    with pytest.raises(DataGateError, match="codes of brand have no word"):
        run(random_log(1), as_ofs, names.filter(pl.col("kind").cast(pl.String) != "brand"))


@pytest.mark.parametrize(
    "wrong",
    [{"half_life_days": 0.0}, {"top": 0}, {"action_weights": {"gaze": 1.0}}, {"action_weights": {"view": -1.0}}],
)
def test_impossible_settings_are_refused(random_log, as_ofs, names, wrong):
    with pytest.raises(UsageError):
        run(random_log(1), as_ofs, names, **wrong)
