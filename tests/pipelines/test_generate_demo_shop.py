from __future__ import annotations

import fcntl

from userprofile.pipelines.generate_demo_shop import generate_demo_shop

SHOP = ["--source", "demo_shop", "--users", "50", "--days", "20", "--seed", "3"]


def test_the_same_shop_is_made_once_and_another_one_beside_it_is_refused(job):
    first = job("generate_demo_shop", generate_demo_shop, *SHOP)
    assert first.code == 0
    assert first.result["metrics"]["generate_demo_shop"]["events"] > 0
    again = job("generate_demo_shop", generate_demo_shop, *SHOP)
    assert again.result["steps"] == {"generate_demo_shop": 0.0}
    dirty = job("generate_demo_shop", generate_demo_shop, *SHOP, "--set", "demo_shop.malformed_rate=0.3")
    assert dirty.code == 2
    assert "malformed_rate=0.3" in dirty.errors


def test_a_second_job_on_a_warehouse_ends_with_a_conflict(job, tmp_path):
    folder = tmp_path / "warehouse" / "demo_shop_u50_d20_s3"
    folder.mkdir(parents=True)
    with open(folder / ".job.lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        ended = job("generate_demo_shop", generate_demo_shop, *SHOP)
    assert ended.code == 5
    assert "another job is writing" in ended.errors
