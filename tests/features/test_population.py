from __future__ import annotations

import math
from collections import defaultdict

from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.population import population_statistics
from userprofile.features.rfm import rfm_values
from userprofile.schemas.gold import PopulationStatistics


def quantile(values, share):
    """Type 7 of Hyndman and Fan."""
    ordered, place = sorted(values), share * (len(values) - 1)
    low, high = math.floor(place), math.ceil(place)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def test_quantiles_agree_with_plain_python(random_log, as_ofs, names):
    nothing = PopulationStatistics.create_empty()
    catalogue = compose(rfm_values())
    rows = features_per_user(random_log(2), as_ofs=as_ofs, catalogue=catalogue, statistics=nothing, names=names)
    values = defaultdict(list)
    for row in rows.to_dicts():
        for name in catalogue.names:
            if row[name] is not None:
                values[row["as_of_date"], name].append(row[name])
    statistics = population_statistics(rows).to_dicts()
    assert len(statistics) == len(as_ofs) * 3 * 4
    for row in statistics:
        expected = quantile(values[row["as_of_date"], row["statistic"]], float(row["key"]))
        assert math.isclose(row["value"], expected, rel_tol=1e-12)


def test_nobody_bought_means_no_rows(random_log, as_ofs, names):
    nothing = PopulationStatistics.create_empty()
    rows = features_per_user(
        random_log(2).head(0), as_ofs=as_ofs, catalogue=compose(rfm_values()), statistics=nothing, names=names
    )
    assert population_statistics(rows).equals(nothing)
