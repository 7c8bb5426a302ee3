from __future__ import annotations

import pytest

from userprofile.baselines.serving import served
from userprofile.errors import UserprofileError

LADDER = {"base_rate": {"auc": 0.5}, "lightgbm": {"auc": 0.74}, "rfm_logistic": {"auc": 0.72}}
COUNTS = {"bg_nbd": {"correlation": 0.62, "mae": 0.78}, "lightgbm": {"correlation": 0.60, "mae": 0.70}}


@pytest.mark.parametrize(("head", "model"), [(0.75, "network"), (0.74, "lightgbm"), (0.73, "lightgbm")])
def test_the_head_serves_only_where_it_beats_the_best_of_the_ladder(head, model):
    chosen = served({**LADDER, "network": {"auc": head}}, head="network", by=["auc"])
    assert chosen.model == model
    assert "validation" in chosen.because
    assert f"{head:.4f} against 0.7400 of lightgbm" in chosen.because


@pytest.mark.parametrize(
    ("head", "model"),
    [
        ({"correlation": 0.63, "mae": 0.77}, "network"),
        ({"correlation": 0.63, "mae": 0.78}, "network"),  # not worse is enough by what comes second
        ({"correlation": 0.63, "mae": 0.79}, "bg_nbd"),
        ({"correlation": 0.61, "mae": 0.60}, "bg_nbd"),
    ],
)
def test_what_comes_second_may_not_be_lost(head, model):
    assert served({**COUNTS, "network": head}, head="network", by=["correlation", "mae"]).model == model


def test_a_smaller_error_is_better():
    assert served({**COUNTS, "network": {"mae": 0.69}}, head="network", by=["mae"]).model == "network"
    assert served({**COUNTS, "network": {"mae": 0.71}}, head="network", by=["mae"]).model == "lightgbm"


def test_a_head_alone_is_not_published():
    with pytest.raises(UserprofileError, match="no ladder"):
        served({"network": {"auc": 0.9}}, head="network", by=["auc"])
