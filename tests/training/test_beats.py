"""Who is silent, who stands still, and how a rank hears that it is to stop."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

import pytest

from userprofile.training.beats import ENDED, ORPHANED, SILENT, STALLED, STARTING, Beat, Beating, Beats

AT_WORK = Beat(rank=0, host="here", process=1, phase="training", epoch=1, steps=5)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def beats(clock: Clock) -> Beats:
    return Beats(silent_seconds=10, stalled_seconds=60, starting_seconds=180, now=clock)


def test_a_rank_that_beats_and_moves_is_there(beats, clock):
    for second in range(300):
        clock.now = float(second)
        beats.hear(replace(AT_WORK, steps=second))
        assert beats.lost() is None


def test_a_silent_rank_is_lost_after_its_time(beats, clock):
    beats.hear(AT_WORK)
    clock.now = 10.0
    assert beats.lost() is None
    clock.now = 10.1
    assert beats.lost() == (AT_WORK, SILENT)


@pytest.mark.parametrize(
    ("behind", "ahead"),
    [
        (AT_WORK, replace(AT_WORK, steps=6)),
        (replace(AT_WORK, steps=400), replace(AT_WORK, phase="validating", steps=3)),
    ],
    ids=["by steps", "one validates"],
)
def test_of_ranks_that_stand_still_the_one_behind_is_the_cause(beats, clock, behind, ahead):
    for second in range(62):
        clock.now = float(second)
        beats.hear(replace(ahead, rank=1))
        beats.hear(behind)
    assert beats.lost() == (behind, STALLED)


def test_who_starts_may_take_longer(beats, clock):
    starting = replace(AT_WORK, phase=STARTING)
    for second in range(180):
        clock.now = float(second)
        beats.hear(starting)
        assert beats.lost() is None
    clock.now = 181.0
    beats.hear(starting)
    assert beats.lost() == (starting, STALLED)


def wait_until(what) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_rank_is_heard_where_it_is_and_hears_that_it_is_to_stop():
    beats = Beats(silent_seconds=10, stalled_seconds=60, starting_seconds=180)
    heard: list[Beat] = []
    hear = beats.hear
    beats.hear = lambda beat: (heard.append(beat), hear(beat))  # type: ignore[method-assign]
    with beats.listening("127.0.0.1") as address:
        beating = Beating(address, rank=3, process=42, seconds=0.01)
        wait_until(lambda: heard)
        assert (heard[0].rank, heard[0].process, heard[0].phase) == (3, 42, STARTING)
        assert heard[0].host == socket.gethostname()
        beating.at("training", epoch=2, steps=7)
        wait_until(lambda: heard[-1].steps == 7)
        assert not beating.is_to_stop.is_set()
        beats.stop()
        assert beating.is_to_stop.wait(20)
        beating.close()
        wait_until(lambda: heard[-1].phase == ENDED)


def test_a_rank_that_beats_seldom_hears_at_once_that_it_is_to_stop():
    beats = Beats(silent_seconds=1_000, stalled_seconds=60, starting_seconds=180)
    with beats.listening("127.0.0.1") as address:
        beating = Beating(address, rank=3, process=42, seconds=200)
        wait_until(lambda: beats._connections)
        beats.stop()
        assert beating.is_to_stop.wait(20)
        beating.close()


def test_a_rank_that_has_ended_is_not_lost(beats, clock):
    beats.hear(replace(AT_WORK, phase=ENDED))
    clock.now = 1_000.0
    assert beats.lost() is None


def test_a_rank_out_of_reach_ends_when_its_launcher_listens_no_more(monkeypatch):
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    beats = Beats(silent_seconds=10, stalled_seconds=60, starting_seconds=180)
    with beats.listening("127.0.0.1") as address:
        Beating(address, rank=3, process=42, seconds=0.01)
        wait_until(lambda: beats._heard)
    wait_until(lambda: ended == [ORPHANED])
