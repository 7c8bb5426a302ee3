"""A paged HTTP API -> bronze, some pages a commit: begun again, it goes on at the last page that was taken in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from pyspark.sql import functions as F

from userprofile.config.asked import Http
from userprofile.events.asked import Slice, not_taken, secret
from userprofile.events.pages import Api, Page, pages
from userprofile.pipelines.bronze_tables import TABLES, bronze, next_number, slice_transaction, slices_taken, taken_in
from userprofile.pipelines.steps import Run


def api_of(http: Http, *, key: str) -> Api:
    """The API that the mapping names, its token from the environment."""
    paging = http.cursor or http.pages
    assert paging is not None
    return Api(
        url=http.url,
        key=key,
        parameter=paging.parameter,
        next=http.cursor.next if http.cursor else "",
        first=http.pages.first if http.pages else 1,
        records=http.records,
        parameters={name: str(value) for name, value in http.parameters.items()},
        requests_per_second=http.requests_per_second,
        timeout_seconds=http.timeout.total_seconds(),
        retries=http.retries,
        token=secret(http.token_from, key=f"{key}.token_from"),
    )


def take_records(run: Run, table: str, api: Api, pages_per_commit: int, *, check: Callable[[list[str]], None]) -> int:
    """Append the records that bronze does not hold; how many there were. `check` judges field names, once."""
    taken = taken_in(run, table)
    slices, number, added = slices_taken(taken, api.origin), next_number(taken), 0
    start = slices[-1].reach["to"] if slices else None
    # The last page was perhaps not full: it is asked for again, and what is known of it left out.
    known = _of_last_page(run, table, [one for one in slices if one.reach["to"] == start])
    for some in _batches(pages(api, start=start), pages_per_commit):
        fresh = [not_taken(page.records, known if page.cursor == start else []) for page in some]
        records = [record for page in fresh for record in page]
        if not records:
            continue
        if not slices and not added:
            check(_fields(records))
        reach = {"from": some[0].cursor, "to": some[-1].cursor, "last": str(len(fresh[-1]))}
        _append(run, table, records, Slice(number, api.origin, reach))
        run.say(f"ingest_events: {added + len(records):,} records of {api.url}")
        number, added = number + 1, added + len(records)
    if not run.store.exists(table):
        run.store.append_small([], table, TABLES[table], slice_transaction(table, api.origin, 0))
    return added


def _of_last_page(run: Run, table: str, slices: list[Slice]) -> list[str]:
    """What these slices took of the page that all of them ended with: their last rows."""
    if not slices:
        return []
    last = {one.number: int(one.reach["last"]) for one in slices}
    rows = bronze(run, table).where(F.col("file_number").isin(list(last))).select("file_number", "place", "raw")
    by_slice: dict[int, list[tuple[int, str]]] = {number: [] for number in last}
    for row in rows.collect():
        by_slice[row["file_number"]].append((row["place"], row["raw"]))
    return [raw for number, held in by_slice.items() for _, raw in sorted(held)[len(held) - last[number] :]]


def _batches(all_pages: Iterator[Page], size: int) -> Iterable[list[Page]]:
    return iter(lambda: list(islice(all_pages, size)), [])


def _fields(records: list[str]) -> list[str]:
    rows = [json.loads(record) for record in records]
    return list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))


def _append(run: Run, table: str, records: list[str], new: Slice) -> None:
    same = {"file_number": new.number, "file_id": new.identity, "source_file": new.name, "loaded_at": run.started_at}
    rows = [{**same, "place": place, "raw": raw} for place, raw in enumerate(records, start=1)]
    run.store.append_small(rows, table, TABLES[table], slice_transaction(table, new.origin, new.number))
