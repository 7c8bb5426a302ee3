"""Two runs side by side: what differs is told, and what is chance is told as such."""

from __future__ import annotations

import polars as pl
import pytest
from deltalake import DeltaTable

from userprofile.pipelines.compare_runs import compare_runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def compared(shop, twice):
    def of(first, second):
        settings = ["--set", f"warehouse={twice}", f"report={twice.parent / 'report'}"]
        ended = shop.run(compare_runs, "--a", first, "--b", second, *settings)
        path = twice.parent / "report" / "my_shop" / "runs" / f"{first}_{second}"
        return ended, path.with_suffix(".html").read_text(), path.with_suffix(".md").read_text()

    return of


def row_of(text, name):
    """Cells of a row of the Markdown tables."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.replace("\\|", "/").strip("|").split("|")][1:]


def test_scores_are_compared_user_by_user(compared, twice):
    _, page, text = compared("scored", "rescored")
    then, now = (
        pl.DataFrame(DeltaTable(twice / "my_shop" / "gold" / "user_profiles", version=version).to_pyarrow_table())
        for version in versions(twice)
    )
    both = then.join(now, on=["user_id", "as_of_date"], suffix="_now").filter(
        pl.col("as_of_date") == max(now["as_of_date"])
    )
    difference = both["purchase_probability_now"] - both["purchase_probability"]
    users, first, second, moved, sure = row_of(text, "purchase")
    assert users == str(both.height)
    # Of few users a mean may lie just between two texts, and the last bit decides.
    for told, values in (
        (first, both["purchase_probability"]),
        (second, both["purchase_probability_now"]),
        (moved, difference),
    ):
        assert float(told.removesuffix(" %")) == pytest.approx(100 * values.mean(), abs=0.05 + 1e-6)
    assert sure == "yes"
    assert row_of(text, "churn")[-2:] == ["0.0 %", "no"]
    assert "purchase" in page


def versions(twice):
    rows = pl.DataFrame(DeltaTable(twice / "my_shop" / "ops" / "runs").to_pyarrow_table())
    scored = rows.filter(pl.col("step") == "infer_profiles", pl.col("run_id").is_in(["scored", "rescored"]))
    return [one["version"] for outputs in scored.sort("started_at")["outputs"] for one in outputs]


def test_tags_tables_and_the_model_tell_what_differs(compared):
    ended, page, text = compared("scored", "rescored")
    assert "| asked \\| once | 0.0 % | 100.0 % | +100.0 | yes |" in text
    assert "| gold.user_profiles | v" in text
    assert "| silver.events |" not in text
    assert "Both were scored by my_shop-2024-05-31-0123abcd." in text
    assert ended["metrics"]["compare_runs"]["tags"] == 1
    assert "asked | once" in page


def test_a_run_against_itself_has_no_difference(compared):
    _, page, text = compared("scored", "scored")
    for told in ("Steps: no difference.", "Versions of tables: no difference.", "Tags: no difference."):
        assert told in text
        assert told in page
    assert row_of(text, "purchase")[-2:] == ["0.0 %", "no"]


def test_two_runs_have_to_be_named_and_known(shop, twice):
    assert "two runs are to be compared" in shop.run(compare_runs, "--a", "scored", code=2)["said"]
    assert "no run nobody is in ops.runs" in shop.run(compare_runs, "--a", "scored", "--b", "nobody", code=2)["said"]
