"""Lines that tell how far training is, by time and not by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

SECONDS_BETWEEN_LINES = 5.0

WEIGHT, SKIPPED = "weight", "skipped"


def means(sums: Mapping[str, float]) -> dict[str, float]:
    """Loss per head from sums over rows; 0 where no row counts.

    >>> means({"weight": 4.0, "purchase": 2.0})
    {'purchase': 0.5}
    """
    weight = sums[WEIGHT]
    return {head: total / weight if weight else 0.0 for head, total in sums.items() if head not in (WEIGHT, SKIPPED)}


def losses_in_words(losses: Mapping[str, float]) -> str:
    """For instance "loss 0.70 (purchase 0.50, spend 0.20)"."""
    heads = ", ".join(f"{head} {loss:.4f}" for head, loss in losses.items())
    return f"loss {sum(losses.values()):.4f} ({heads})"


class Progress:
    """Speaks at most every few seconds, over all epochs of one training of `epochs` x `steps` steps."""

    def __init__(
        self, report: Callable[[str], None], *, epochs: int, steps: int, batch_rows: int, done: int = 0
    ) -> None:
        self.report, self.epochs, self.steps, self.batch_rows = report, epochs, steps, batch_rows
        self.spoken = self.first_done = 0.0
        self.first, self.done = done + 1, done

    def step(self, epoch: int, step: int, sums: Callable[[], Mapping[str, float]]) -> None:
        """After step `step` of epoch `epoch`, both from 1; `sums` over the epoch so far is asked for only to speak.

        The first step of all is left out of the rate: it waits for the network to be compiled.
        """
        self.done += 1
        now = time.monotonic()
        if self.done == self.first:
            self.first_done = self.spoken = now
        if now - self.spoken < SECONDS_BETWEEN_LINES:
            return
        self.spoken = now
        rate = (self.done - self.first) / (now - self.first_done)
        left = (self.epochs * self.steps - self.done) / rate
        self.report(
            f"epoch {epoch}/{self.epochs}, step {step}/{self.steps}, {rate * self.batch_rows:,.0f} examples/s, "
            f"{losses_in_words(means(sums()))}, at most {left:,.0f} s left"
        )


def epoch_in_words(entry: Mapping[str, Any], epochs: int) -> str:
    """Of an entry of the history."""
    validation = entry["validation"]
    judged = "no validation rows"
    if validation:
        losses = {head: loss for head, loss in validation.items() if head in entry["train"]}
        further = "".join(f", {name} {value:.4f}" for name, value in validation.items() if name not in losses)
        judged = f"validation {losses_in_words(losses)}{further}"
    skipped = f"; skipped for gradients that are no finite numbers: {entry['skipped']:,}" if entry["skipped"] else ""
    learnt = f"epoch {entry['epoch']}/{epochs} in {entry['seconds']:.1f} s: {losses_in_words(entry['train'])}"
    return f"{learnt}; {judged}{skipped}"
