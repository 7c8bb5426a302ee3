"""Signals while ranks are at work: the first asks, the second forces, and none of it outlasts the training."""

from __future__ import annotations

import signal

import pytest

from userprofile.errors import EnvironmentMismatchError, InterruptedRunError, RankLostError
from userprofile.training.beats import Beats
from userprofile.training.processes import STOP_SECONDS, or_interrupted
from userprofile.training.stop import Stop


@pytest.fixture
def stop() -> Stop:
    return Stop(Beats(silent_seconds=10, stalled_seconds=60, starting_seconds=180))


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_forces(stop, sent):
    before = signal.getsignal(sent)
    with stop.until_here():
        by_force = stop.by_signals()
        assert not stop.is_asked
        signal.raise_signal(sent)
        assert stop.is_asked
        assert not by_force.is_set()
        signal.raise_signal(sent)
        assert by_force.is_set()
    assert signal.getsignal(sent) is before


def test_ranks_have_some_time_to_end(stop, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    assert not stop.is_overdue
    with stop.until_here():
        stop.by_signals()
        signal.raise_signal(signal.SIGTERM)
    now[0] += STOP_SECONDS
    assert not stop.is_overdue
    now[0] += 0.1
    assert stop.is_overdue


def test_a_rank_that_is_lost_while_it_should_stop_starts_nothing_again():
    lost, full = RankLostError("rank 1 is lost"), EnvironmentMismatchError("a checkpoint cannot be written")
    assert isinstance(or_interrupted(lost, is_to_stop=True), InterruptedRunError)
    assert or_interrupted(lost, is_to_stop=False) is lost
    assert or_interrupted(full, is_to_stop=True) is full
