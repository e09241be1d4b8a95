"""Cases for the dictionaries of mistakes, and what every such dictionary must be."""

import itertools

import numpy as np

from bnstudy.gradient_check import mistakes

RANDOM = np.random.default_rng(5)


def draw(*shape):
    return RANDOM.standard_normal(shape)


CASES = {
    "channel": mistakes.BatchNormCase(
        x=2 * draw(5, 4, 6, 3) + 1,
        dy=draw(5, 4, 6, 3),
        gamma=RANDOM.uniform(0.5, 1.5, 3),
        beta=draw(3),
        moving_mean=draw(3),
        moving_variance=RANDOM.uniform(1, 3, 3),
        axes=(0, 1, 2),
        epsilon=1e-3,
    ),
    "activation": mistakes.BatchNormCase(
        x=2 * draw(5, 4, 6, 3) + 1,
        dy=draw(5, 4, 6, 3),
        gamma=RANDOM.uniform(0.5, 1.5, (4, 6, 3)),
        beta=draw(4, 6, 3),
        moving_mean=draw(4, 6, 3),
        moving_variance=RANDOM.uniform(1, 3, (4, 6, 3)),
        axes=(0,),
        epsilon=1e-3,
    ),
}


def assert_distinct_and_wrong(candidates, right):
    """No two names for one gradient, and no name for the right one."""
    for name, wrong in candidates:
        assert mistakes.distance(wrong.reshape(right.shape), right) > 1e-6, name
    for (name, one), (other_name, other) in itertools.combinations(candidates, 2):
        other = other.reshape(right.shape)
        assert not mistakes.explains(one, other, right), (name, other_name)
