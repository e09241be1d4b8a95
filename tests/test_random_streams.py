"""Random numbers as functions of seed, purpose and index."""

from bnstudy.random_streams import SHUFFLE, WEIGHTS, random_stream


def test_the_numbers_are_pinned():
    """They may not change with NumPy, or a run could not be continued after an update."""
    numbers = random_stream(3, WEIGHTS, 2).random_raw(2).tolist()
    assert numbers == [
        16211796785352149592,
        12413802956949425810,
    ]


def test_seeds_purposes_and_indices_have_streams_of_their_own():
    streams = {
        random_stream(seed, purpose, index).random_raw(4).tobytes()
        for seed in range(5)
        for purpose in (SHUFFLE, WEIGHTS)
        for index in range(5)
    }
    assert len(streams) == 50


def test_the_streams_of_two_indices_do_not_overlap():
    """The index is the highest of the counter's four words, so a stream has 2^192 blocks."""
    first = random_stream(0, SHUFFLE, 0).random_raw(20_000).tolist()
    assert not set(first) & set(random_stream(0, SHUFFLE, 1).random_raw(20_000).tolist())


def test_earlier_draws_do_not_matter():
    random_stream(1, SHUFFLE, 0).random_raw(100)
    once, again = (random_stream(1, SHUFFLE, 7).random_raw(3).tolist() for _ in range(2))
    assert once == again
