"""Features as of every day of a span, some dates a pass; begun again, it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from statistics import mean

from userprofile.errors import UsageError
from userprofile.pipelines.build_features import features_as_of
from userprofile.pipelines.dates import log_range, within_log
from userprofile.pipelines.steps import Run, Step


def backfill(run: Run) -> None:
    """build_features as of each date from `--from` to `--to`, both included; what was done before is named and kept."""
    log = log_range(run, run.pinned("silver.events", made_by="refine_events"))
    settings = run.config.backfill
    as_ofs = [within_log(run, log, day) for day in _days(run.span, settings.every)]
    worked: list[Step] = []
    for start in range(0, len(as_ofs), settings.dates_per_pass):
        run.say(f"backfill: {start:,} of {len(as_ofs):,} dates done{_left(worked, len(as_ofs) - start)}")
        steps = features_as_of(run, as_ofs[start : start + settings.dates_per_pass])
        worked += [step for step in steps if not step.was_done]


def _left(worked: Sequence[Step], dates: int) -> str:
    """Nobody knows yet which of the dates were done before."""
    return f", at most {dates * mean(step.seconds for step in worked):,.0f} s left" if worked else ""


def _days(span: tuple[date, date] | None, every: timedelta) -> Iterator[date]:
    if span is None or span[0] > span[1] or every < timedelta(days=1):
        raise UsageError(
            "a backfill needs a span of dates",
            expected="--from and a --to that is not before it, and backfill.every of whole days",
            received=f"{span[0]} to {span[1]}, every {every}" if span else "no span",
            fix="make backfill FROM=2017-11-01 TO=2017-11-30",
        )
    first, last = span
    return (first + place * timedelta(days=every.days) for place in range((last - first).days // every.days + 1))
