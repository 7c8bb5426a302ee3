"""The pages in a browser: nothing is fetched, nothing breaks, everybody can read them on every screen."""

from __future__ import annotations

import re

import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe

from userprofile.pipelines.build_card import build_card

pytestmark = pytest.mark.slow

PHONE, LAPTOP, WIDE = 390, 1280, 1920
PAGES = ("report", "u0", "u1", "u2")


@pytest.fixture(scope="module")
def pages(shop, report):
    """The report, and the cards of users with no, some and all consent."""
    found = {"report": report}
    for raw in PAGES[1:]:
        shop.run(build_card, "--pseudonym", shop.user(raw))
        found[raw] = shop.pages / "cards" / f"{shop.user(raw)}.html"
    return found


@pytest.fixture
def opened(browser):
    """Opens a page, and notes what it says to the console and what it asks of the network."""
    contexts = []

    def open_page(path, *, width=LAPTOP, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_nothing_breaks_and_nothing_is_fetched(opened, pages, name):
    page = opened(pages[name])
    assert page.said == []
    assert [url for url in page.asked if url != pages[name].as_uri() and not url.startswith("data:")] == []
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.locator("svg").count() > (8 if name == "report" else 0)
    assert page.locator("svg:not([aria-label])").count() == 0


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [PHONE, LAPTOP, WIDE])
def test_no_screen_has_to_be_scrolled_sideways(opened, pages, name, width):
    page = opened(pages[name], width=width)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [PHONE, LAPTOP, WIDE])
def test_no_entry_of_the_navigation_is_cut_off(opened, report, width):
    page = opened(report, width=width)
    boxes = page.locator("nav a").evaluate_all(
        """links => links.map(link => {
          link.scrollIntoView({behavior: "instant", block: "center"});
          const [one, list] = [link.getBoundingClientRect(), link.closest("ul").getBoundingClientRect()];
          return one.left >= list.left && one.right <= list.right
            && document.elementFromPoint(one.left + one.width / 2, one.top + one.height / 2) === link;
        })"""
    )
    assert boxes == [True] * page.locator("section").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width"), [(name, LAPTOP) for name in PAGES] + [("report", PHONE), ("u2", PHONE)])
def test_nothing_serious_keeps_people_from_reading(opened, pages, scheme, name, width):
    page = opened(pages[name], width=width, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    found = Axe().run(page).response
    assert {"color-contrast", "document-title"} <= {one["id"] for one in found["passes"]}
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"], one["nodes"][0]["failureSummary"]) for one in serious] == []


def test_reasons_say_in_words_what_they_do_to_a_score(opened, pages):
    page = opened(pages["u2"])
    reasons = page.locator(".reasons").first.locator("li").all_inner_texts()
    assert [one.rpartition(")")[2].strip() for one in reasons] == [
        "raises it, 62.5 % of what moved it",
        "lowers it, 25.0 % of what moved it",
    ]


def test_links_lead_somewhere(opened, report):
    page = opened(report)
    for target in page.eval_on_selector_all("a", "links => links.map(link => link.getAttribute('href'))"):
        if target.startswith("#"):
            assert page.locator(target).count() == 1, target
        else:
            assert (report.parent / target).is_file(), target


def test_dark_screens_get_a_dark_page_and_plots_that_can_be_seen_on_it(opened, report):
    colours = {}
    for scheme in ("light", "dark"):
        page = opened(report, scheme=scheme)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        text = page.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
        colours[scheme] = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, text)]
    assert colours["light"][0] > 600 > 200 > colours["light"][1]
    assert colours["dark"][0] < 200 < 600 < colours["dark"][1]


def test_what_a_reader_sees_is_what_the_tables_hold(opened, shop, report, profiles):
    page = opened(report)
    page.locator("summary", has_text="Numbers").first.click()
    cells = page.locator("#tables tbody tr").evaluate_all(
        "rows => rows.filter(row => row.cells.length > 2).map(row => [...row.cells].map(cell => cell.innerText))"
    )
    rows = {cell[0]: int(cell[2].replace(",", "")) for cell in cells}
    written = {name: count for name, count in rows.items() if not name.startswith("ops.")}
    assert written == {name: shop.table(name).height for name in written}
    keys = dict(
        page.locator(".keys > div").evaluate_all("all => all.map(one => one.innerText.split('\\n').slice(0, 2))")
    )
    assert keys["Users"] == f"{profiles.height:,}"
    assert keys["Events"] == f"{shop.table('silver.events').height:,}"
    assert keys["Will buy"] == f"{profiles['purchase_probability'].sum():.0f}"
    bought = profiles.filter(pl.col("days_since_purchase") <= 30).height
    assert keys["Buyers"] == f"{100 * bought / profiles.height:.1f} %"
    shown = page.locator("#examples tbody tr").evaluate_all("rows => rows.map(row => row.dataset.user)")
    assert len(shown) == 5
    assert set(shown) <= set(profiles["user_id"])
