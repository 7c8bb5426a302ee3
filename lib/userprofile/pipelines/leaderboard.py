"""A log under a published protocol -> how good our scores are, beside simpler models and the published rows.

A protocol is a function of the run and its board. It returns the measures by model: where profiles are judged first
`profile`, the row that a profile would serve, then the ladder's. Beside a measure stand the ends of its 95 % interval,
as <measure>_low and <measure>_high. Text and what else a row says is shown in the JSON line alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from userprofile.config.leaderboard import Board, NewItemsBoard
from userprofile.errors import UsageError
from userprofile.pipelines.embed_items import embed_items
from userprofile.pipelines.generate_demo_shop import DEMO_SHOP, generate_demo_shop
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.leaderboard_new_items import new_items_leaderboard, settings_of_rows
from userprofile.pipelines.leaderboard_next_item import next_item_leaderboard
from userprofile.pipelines.leaderboard_outcomes import outcome_leaderboard
from userprofile.pipelines.leaderboard_truth import truth_leaderboard
from userprofile.pipelines.next_item_training import item_content
from userprofile.pipelines.refine_events import refine_events
from userprofile.pipelines.steps import Outcome, Run, Step

Rows = dict[str, dict[str, Any]]

PROTOCOLS: dict[str, Callable[[Run, Any], Rows]] = {
    "leave_one_out": next_item_leaderboard,
    "new_items": new_items_leaderboard,
    "planted_truth": truth_leaderboard,
    "temporal": outcome_leaderboard,
}
STEP = "leaderboard"
SECTIONS = ["source", "refine_events", "build_features", "build_training_set", "train_model", "next_items"]


def leaderboard(run: Run) -> Step:
    """From the log's files to the table; what was done before with the same inputs is only shown again."""
    board = _followed(run.board)
    if isinstance(board, NewItemsBoard):
        settings_of_rows(run, board)  # a wrong row ends the run here
    if run.config.source.name == DEMO_SHOP and not run.inputs:
        generate_demo_shop(run)
    ingest_events(run)
    refine_events(run)
    if isinstance(board, NewItemsBoard):
        embed_items(run)
    inputs = [run.pinned(f"silver.{name}", made_by="refine_events") for name in ("events", "items", "codes")]
    inputs += item_content(run)
    work = partial(_judged, run, board)
    parameters = {"board": board.model_dump(mode="json")}
    step = run.step(STEP, work, inputs=inputs, sections=SECTIONS, parameters=parameters)
    print(table(board, step.outcome.metrics["rows"]))
    return step


def _followed(board: Board | None) -> Board:
    if board is None:
        raise UsageError("no protocol is named", expected="a leaderboard", fix="DATA=<name in conf/leaderboard>")
    return board


def _judged(run: Run, board: Board) -> Outcome:
    return Outcome([], {"rows": PROTOCOLS[board.protocol](run, board)})


def table(board: Board, rows: Rows) -> str:
    """Ours, then the ladder, then what others published; columns are the measures that others published, or all."""
    named = dict.fromkeys(name for row in board.published for name in row.measures)
    ends = ("_low", "_high")
    all_of_ours = (name for row in rows.values() for name, value in row.items() if isinstance(value, float))
    measures = list(named) or [name for name in dict.fromkeys(all_of_ours) if not name.endswith(ends)]
    lines = [["model", *measures, "from"]]
    lines += [[model, *(_shown(row, name) for name in measures), "measured here"] for model, row in rows.items()]
    lines += [[row.model, *(_shown(row.measures, name) for name in measures), row.source] for row in board.published]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join([f"\n{board.about}", *(_line(cells, widths) for cells in lines)])


def _line(cells: Iterable[str], widths: list[int]) -> str:
    return "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _shown(row: dict[str, Any] | dict[str, float], measure: str) -> str:
    value, low, high = (row.get(f"{measure}{end}") for end in ("", "_low", "_high"))
    if value is None:
        return "-"
    return f"{value:.4f}" if low is None or high is None else f"{value:.4f} [{low:.4f}, {high:.4f}]"
