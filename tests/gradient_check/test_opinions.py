"""What the opinions are about: random, not degenerate, and left as it was."""

import numpy as np
from helpers import config

from bnstudy.gradient_check import opinions


def make(training=True, **changes):
    return opinions.make_setting(config(**changes), np.random.default_rng(0), training)


def test_nothing_is_degenerate():
    arrays = make().network.arrays
    for name, values in arrays.items():
        if name.endswith("gamma"):
            assert np.abs(values - 1).min() > 1e-4
        if name.endswith(("beta", "moving_mean", "/w")):
            assert values.all()
        if name.endswith("moving_variance"):
            assert values.min() >= 1
            assert values.std() > 0
    assert len({opinions.IMAGES, opinions.HEIGHT, opinions.WIDTH}) == 3


def test_both_sides_can_be_halved_twice():
    assert opinions.HEIGHT % 4 == opinions.WIDTH % 4 == 0


def test_a_forward_pass_moves_statistics_and_a_fresh_model_has_them_back():
    setting = make()
    opinions.automatic(setting)
    variables = {**setting.model.parameters, **setting.model.statistics}
    moved = variables["bn3/moving_mean"].numpy()
    assert (moved != setting.network.arrays["bn3/moving_mean"]).all()
    setting.fresh_model()
    for name, variable in variables.items():
        np.testing.assert_array_equal(variable, setting.network.arrays[name])


def test_the_complex_step_of_one_layer_is_weighted_by_dy():
    setting = make()
    x, u = np.array([[[[1.0, -1.0]]]]), np.array([[[[3.0, 2.0]]]])
    dy = np.array([[[[10.0, 100.0]]]])
    found = opinions.complex_step(setting, ["elu1"], x, "dx", u, dy)
    np.testing.assert_allclose(found, 10 * 3 + 100 * 2 * np.exp(-1))


def test_the_complex_step_of_a_parameter():
    setting = make()
    x = np.random.default_rng(1).standard_normal((5, 12, 8, 3))
    u = np.random.default_rng(2).standard_normal(setting.network.arrays["conv1/w"].shape)
    found = opinions.complex_step(setting, ["conv1"], x, "w", u, 1.0)
    from bnstudy.gradient_check.numpy_network import convolve

    np.testing.assert_allclose(found, convolve(x, u).sum())
