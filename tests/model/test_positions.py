"""Events with and without padding are the same events, and blocks see whose they are."""

from __future__ import annotations

import numpy as np
import pytest

from userprofile.model.positions import Blocks, LastState, Packing, gap_bucket

PRESENT = np.arange(5) < np.array([3, 0, 5, 1])[:, None]


def test_packed_events_come_back_to_their_places_and_padding_to_zero() -> None:
    events = np.random.default_rng(1).normal(size=(4, 5, 2)).astype(np.float32)
    packing = Packing(PRESENT)
    packed = np.asarray(packing.pack(events))
    np.testing.assert_array_equal(packed, np.concatenate([events[0, :3], events[2], events[3, :1]]))
    np.testing.assert_array_equal(np.asarray(packing.unpack(packed)), events * PRESENT[..., None])


@pytest.mark.parametrize("length", [3, 4, 9, 20])
def test_a_block_sees_itself_and_the_one_before(length: int) -> None:
    blocks = Blocks(Packing(PRESENT), length)
    events = np.arange(1, 10, dtype=np.float32)[:, None]  # nine events of three users
    users = [0] * 3 + [2] * 5 + [3]
    here, seen = np.asarray(blocks.cut(events))[..., 0], np.asarray(blocks.seen(events))[..., 0]
    same = np.asarray(blocks.same_user())
    assert here.shape == (-(-9 // length), length)
    for block, place in np.ndindex(here.shape):
        number = block * length + place
        assert here[block, place] == (number + 1 if number < 9 else 0)
        for other in range(2 * length):
            looked_at = (block - 1) * length + other
            exists = 0 <= looked_at < 9
            assert seen[block, other] == (looked_at + 1 if exists else 0)
            if number < 9:
                assert same[block, place, other] == (exists and users[number] == users[looked_at])
    np.testing.assert_array_equal(np.asarray(blocks.joined(blocks.cut(events))), events)


def test_buckets_double_from_a_minute_on() -> None:
    minutes = np.array([0, 0.5, 1, 2.9, 3, 1440, -1440, 365 * 1440, 1e9], np.float32)
    assert np.asarray(gap_bucket(minutes / 1440)).tolist() == [0, 0, 1, 1, 2, 10, 10, 19, 21]


def test_the_last_state_is_that_of_the_last_event() -> None:
    states = np.arange(20, dtype=np.float32).reshape(4, 5, 1)
    assert np.asarray(LastState()(states, PRESENT))[:, 0].tolist() == [2, 0, 14, 15]
