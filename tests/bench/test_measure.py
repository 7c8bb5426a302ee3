"""The form that all benchmarks share, and the figures of bench-path over a result made by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.delenv("SMALL", raising=False)
    import measure

    return measure


@pytest.fixture
def path(measure: ModuleType) -> ModuleType:
    import path

    return path


@pytest.mark.parametrize(
    ("value", "bound", "kept"),
    [
        (1.3, "<= 1.3", True),
        (1.31, "<= 1.3", False),
        (0.8, ">= 0.8", True),
        (0.79, ">= 0.8", False),
        (0, "== 0", True),
        (1, "== 0", False),
        (9e9, "", True),
        (None, "<= 1.3", False),
    ],
)
def test_bounds(measure: ModuleType, value: float | None, bound: str, kept: bool) -> None:
    assert measure.Measure("speed", value, "s", must=bound).meets(bound) is kept


def test_a_json_line_for_each_measure(measure: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = measure.Measure("refining", 12.5, "s", "<= 20", "<= 10", "make bench-path")
    assert measure.publish("path", [slow, slow], tables=tmp_path / "benchmarks.md") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (
        lines
        == [
            {
                "measure": "refining",
                "value": 12.5,
                "unit": "s",
                "must": "<= 20",
                "aim": "<= 10",
                "command": "make bench-path",
            }
        ]
        * 2
    )


def test_only_a_missed_must_fails(measure: ModuleType, tmp_path: Path) -> None:
    tables = tmp_path / "docs" / "benchmarks.md"
    missed_aim = measure.Measure("refining", 12.5, "s", "<= 20", "<= 10", "make bench-path")
    missed_must = measure.Measure("rows lost", 1, "rows", "== 0", "", "make bench-path")
    assert measure.publish("path", [missed_aim], tables=tables) == 0
    assert "| refining | 12.5 | s | <= 20 | <= 10 | aim missed |" in tables.read_text()
    assert measure.publish("path", [missed_aim, missed_must], tables=tables) == 1
    assert "| rows lost | 1 | rows | == 0 |  | must missed |" in tables.read_text()


def test_an_area_replaces_its_own_section_only(measure: ModuleType, tmp_path: Path) -> None:
    tables = tmp_path / "benchmarks.md"
    for area, value in (("path", 1), ("features", 2), ("path", 3000)):
        measure.publish(area, [measure.Measure("speed", value, "rows/s", "", "", f"make bench-{area}")], tables=tables)
    text = tables.read_text()
    assert re.findall(r"^#+ .*", text, re.MULTILINE) == ["# Benchmarks", "## features", "## path"]
    assert "| speed | 2 |" in text
    assert "| speed | 3,000 |" in text
    assert "| speed | 1 |" not in text
    assert re.search(r"`make bench-path`, \d{4}-\d\d-\d\d, commit .+; \d+ cores, \d+ GiB memory, \S", text)
    assert "\n\n\n" not in text


def test_a_small_run_leaves_the_tables_alone(
    measure: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMALL", "1")
    tables = tmp_path / "benchmarks.md"
    assert measure.publish("path", [measure.Measure("rows lost", 1, "rows", "== 0")], tables=tables) == 1
    assert not tables.exists()


def result(*, accepted: int = 940) -> dict[str, object]:
    steps = {
        "generate_demo_shop": 0.0,
        "ingest_events": 2.0,
        "refine_events": 4.0,
        "build_features": 3.0,
        "build_training_set": 1.0,
        "train_model": 5.0,
        "infer_profiles": 5.0,
        "build_report": 1.0,
    }
    metrics = {
        "generate_demo_shop": {"events": 980},
        "ingest_events": {"events_rows_added": 1000, "items_rows_added": 50, "users_rows_added": 10},
        "refine_events": {"in": 1000, "accepted": accepted, "duplicate": 40, "quarantined": 20},
        "train_model": {"examples": 30, "epochs": 2},
        "infer_profiles": {"profiles": 10},
    }
    return {"exit_code": 0, "steps": steps, "metrics": metrics}


def test_figures_of_the_path(path: ModuleType) -> None:
    measures = {(one.measure, one.unit): one for one in path.measures_of(2000, result())}
    assert measures["ingest_events, 2,000 users", "rows/s"].value == 530
    assert measures["refine_events, 2,000 users", "s"].value == 4
    assert measures["train_model, 2,000 users", "rows/s"].value == 12
    assert measures["ingest to profiles, 2,000 users", "s"].value == 20
    assert measures["ingest to profiles, 2,000 users", "events/s"].value == 50
    lost = measures["rows neither accepted, duplicate nor quarantined, 2,000 users", "rows"]
    assert (lost.value, lost.must, lost.meets(lost.must)) == (0, "== 0", True)


def test_a_lost_row_misses_the_must(path: ModuleType) -> None:
    lost = list(path.measures_of(2000, result(accepted=939)))[-1]
    assert (lost.value, lost.meets(lost.must)) == (1, False)


@pytest.mark.parametrize(("seconds_of_larger", "code"), [(26.0, 0), (27.0, 1)])
def test_an_event_may_cost_a_third_more_at_the_larger_size(
    path: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    seconds_of_larger: float,
    code: int,
) -> None:
    larger = result()
    larger["steps"] = {**dict.fromkeys(path.PATH, 0.0), "generate_demo_shop": 0.0, "build_report": 0.0} | {
        "refine_events": seconds_of_larger
    }
    small, large = path.SIZES
    monkeypatch.setattr(path, "run_path", {small: result(), large: larger}.__getitem__)
    monkeypatch.setenv("SMALL", "1")
    assert path.main() == code
