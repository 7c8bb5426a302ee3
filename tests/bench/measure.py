"""The one form of all benchmarks: a JSON line per measure, an exit code, and a table in docs/benchmarks.md."""

from __future__ import annotations

import json
import operator
import os
import platform
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
TABLES = CHECKOUT / "docs" / "benchmarks.md"
MET, MISSED = 0, 1
_TITLE = (
    "# Benchmarks\n\nEach section is the latest full run. A missed must fails its command, a missed aim does not.\n"
)
_BOUNDS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


@dataclass(frozen=True)
class Measure:
    """A figure, null where it could not be taken; `must` and `aim` are bounds as `<= 1.3`, `== 0`, or empty."""

    measure: str
    value: float | None
    unit: str
    must: str = ""
    aim: str = ""
    command: str = ""

    def meets(self, bound: str) -> bool:
        """Whether the value keeps the bound; everything keeps an empty one, null keeps no other."""
        if not bound:
            return True
        comparison, _, limit = bound.partition(" ")
        return self.value is not None and _BOUNDS[comparison](self.value, float(limit))


def is_small() -> bool:
    """SMALL=1: a quick run, whose figures say only that the benchmark works."""
    return os.environ.get("SMALL", "0") not in ("", "0")


def publish(area: str, measures: Sequence[Measure], *, tables: Path = TABLES) -> int:
    """Print the measures, keep a full run's table, and return the exit code: 1 where a must is missed, else 0."""
    for measure in measures:
        print(json.dumps(asdict(measure) | {"value": _rounded(measure.value)}), flush=True)
    if not is_small():
        keep_table(area, measures, tables)
    return MET if all(measure.meets(measure.must) for measure in measures) else MISSED


def _rounded(value: float | None) -> float | None:
    """To the six digits that say anything."""
    return None if value is None else float(f"{value:.6g}")


def keep_table(area: str, measures: Iterable[Measure], tables: Path) -> None:
    """Put the area's section in the place of its last one; the other areas' stay."""
    text = tables.read_text(encoding="utf-8") if tables.exists() else _TITLE
    head, *rest = re.split(r"^## ", text, flags=re.MULTILINE)
    sections = {section.partition("\n")[0].strip(): section.partition("\n")[2].strip("\n") for section in rest}
    sections[area] = _section(list(measures))
    parts = [head.rstrip("\n"), *(f"## {name}\n\n{body.strip()}" for name, body in sorted(sections.items()))]
    tables.parent.mkdir(parents=True, exist_ok=True)
    tables.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _section(measures: list[Measure]) -> str:
    command = measures[0].command if measures else ""
    lines = [
        "",
        f"`{command}`, {date.today()}, commit {commit()}; {machine()}.",
        "",
        "| measure | value | unit | must | aim | |",
        "|---|---:|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_row, measures)])


def _row(measure: Measure) -> str:
    cells = (measure.measure, _shown(measure.value), measure.unit, measure.must, measure.aim, _verdict(measure))
    return f"| {' | '.join(cells)} |"


def _shown(value: float | None) -> str:
    return "not taken" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _verdict(measure: Measure) -> str:
    if not measure.meets(measure.must):
        return "must missed"
    return "" if measure.meets(measure.aim) else "aim missed"


def commit() -> str:
    """The short name of the commit that is checked out, and whether the files differ from it."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return f"{name} with changes" if _git("status", "--porcelain", "--untracked-files=no") else name
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(CHECKOUT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def machine() -> str:
    """Cores that this process may use, memory, and the processor's name."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB memory, {_processor()}"


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()
