"""Generate a shop: the one entry."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from userprofile.columns import ACTIONS
from userprofile.demo_shop.catalogue import stock
from userprofile.demo_shop.dirt import malformed, with_arrivals, with_duplicates
from userprofile.demo_shop.disputes import CHARGEBACK_CODE, disputes, with_disputes
from userprofile.demo_shop.history import history
from userprofile.demo_shop.images import paint_all
from userprofile.demo_shop.population import populate
from userprofile.demo_shop.shop import Generated, Shop
from userprofile.demo_shop.truth import write_truth
from userprofile.demo_shop.write import write_events, write_items, write_users


def generate(shop: Shop, folder: Path) -> Generated:
    """Write events.csv, items.parquet, users.parquet, images/ and truth/ below `folder`, over what lies there.

    events.csv is in order of arrival, in UTC, money in major units. The same shop gives the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    people, catalogue = populate(shop), stock(shop)
    events, late = with_arrivals(history(shop, people, catalogue), shop=shop)
    log, duplicates = with_duplicates(events, shop=shop)
    disputed = disputes(events, people, shop=shop)
    clean = pl.concat([events, disputed])
    broken = write_events(with_disputes(log, disputed), malformed(events, shop=shop), folder / "events.csv", shop=shop)
    write_items(catalogue, folder / "items.parquet", shop=shop)
    write_users(people, folder / "users.parquet")
    paint_all(shop, folder)
    write_truth(shop, people, catalogue, folder / "truth")
    return Generated(
        users=shop.users,
        items=shop.items,
        events=clean.height,
        duplicates=duplicates,
        late=late,
        malformed=broken,
        chargebacks=int((clean["action"] == CHARGEBACK_CODE).sum()),
        per_action=_per_action(clean["action"]),
    )


def _per_action(action: pl.Series) -> dict[str, int]:
    counted = dict(action.value_counts().iter_rows())
    return {name: counted.get(code, 0) for code, name in enumerate(ACTIONS)}
