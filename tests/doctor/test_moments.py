"""Moments of batches, combined."""

import numpy as np

from bnstudy.doctor.moments import Moments, Seen, add, combine


def moments(x):
    return Moments(len(x), x.mean(axis=0), x.var(axis=0))


def test_batches_of_different_sizes_together_have_the_moments_of_one_batch():
    random = np.random.default_rng(0)
    parts = [random.normal(3 * k, 1 + k, (size, 4)) for k, size in enumerate((5, 1, 12))]
    together = None
    for part in parts:
        together = combine(together, moments(part))
    right = moments(np.concatenate(parts))
    assert together.number == right.number
    np.testing.assert_allclose(together.mean, right.mean, rtol=1e-14)
    np.testing.assert_allclose(together.variance, right.variance, rtol=1e-13)


def test_values_and_images_are_added_apart():
    random = np.random.default_rng(1)
    a, b = random.normal(size=(6, 3)), random.normal(2, 3, (4, 3))
    both = add(add(None, Seen(moments(a), moments(a[:2]))), Seen(moments(b), moments(b[:3])))
    np.testing.assert_allclose(both.values.variance, np.concatenate([a, b]).var(axis=0))
    np.testing.assert_allclose(both.images.mean, np.concatenate([a[:2], b[:3]]).mean(axis=0))
