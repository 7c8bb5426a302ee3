"""Progress speaks by time, in examples and seconds."""

from __future__ import annotations

from userprofile.training import progress
from userprofile.training.progress import Progress, losses_in_words, means


def test_losses_are_means_over_rows():
    assert means({"weight": 4.0, "purchase": 2.0, "spend": 1.0}) == {"purchase": 0.5, "spend": 0.25}
    assert means({"weight": 0.0, "purchase": 0.0}) == {"purchase": 0.0}
    assert losses_in_words({"purchase": 0.5, "spend": 0.25}) == "loss 0.7500 (purchase 0.5000, spend 0.2500)"


def test_a_line_comes_by_time_and_the_first_step_is_left_out_of_the_rate(monkeypatch):
    clock = iter([100.0, 101.0, 104.0, 105.0, 106.0])  # steps end one second apart but for one of three
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    lines: list[str] = []
    told = Progress(lines.append, epochs=2, steps=6, batch_rows=100)
    for step in range(1, 6):
        told.step(1, step, lambda: {"weight": 1.0, "purchase": 0.5})
    expected = "epoch 1/2, step 4/6, 60 examples/s, loss 0.5000 (purchase 0.5000), at most 13 s left"
    assert lines == [expected]
