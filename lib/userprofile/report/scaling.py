"""How training scales with its ranks, as a page: throughput, efficiency, and where the seconds of a step go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from userprofile.report.page import template_of

# Of a step that is taken apart, in the order of the plot.
PHASES = ("reading", "compute", "waiting", "allreduce")


@dataclass(frozen=True)
class Scale:
    """Timed steps on one number of ranks. `throughput` is examples per second of whole steps on all ranks, by the
    slowest of them; `shares` are, for each rank, the phases' parts of the seconds of its steps taken apart."""

    ranks: int
    throughput: float
    milliseconds: float  # of a whole step
    shares: list[dict[str, float]]

    @classmethod
    def of(cls, timings: Sequence[Mapping[str, Any]]) -> Scale:
        """Of a training.timing.Timing for each rank."""
        slowest = max(timing["whole"] for timing in timings)
        rows, steps = sum(timing["rows"] for timing in timings), timings[0]["steps"]
        sums = [sum(timing[phase] for phase in PHASES) for timing in timings]
        shares = [
            {phase: timing[phase] / whole for phase in PHASES} for timing, whole in zip(timings, sums, strict=True)
        ]
        return cls(len(timings), rows / slowest, 1000 * slowest / steps, shares)

    def efficiency(self, against: Scale) -> float:
        """Examples per second and rank, against those of another number of ranks."""
        return self.throughput / self.ranks / (against.throughput / against.ranks)

    def figures(self, against: Scale) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "ranks": self.ranks,
            "examples_per_second": self.throughput,
            "efficiency": self.efficiency(against),
            "milliseconds_per_step": self.milliseconds,
            "shares": self.shares,
        }


def scaling_page(scales: Sequence[Scale], *, source: str, rows: int) -> str:
    """HTML with everything inside it; efficiency is against the first of `scales`, each of `rows` examples a rank."""
    figures = [scale.figures(scales[0]) for scale in scales]
    most = max(scale.throughput / min(scale.efficiency(scales[0]), 1) for scale in scales)
    template = template_of("scaling.html")
    return template.render(source=source, rows=rows, figures=figures, most=most, phases=PHASES)
