"""The NumPy network: against plain sums and central differences, real and complex."""

from pathlib import Path

import numpy as np
import pytest

from bnstudy.gradient_check import numpy_network
from bnstudy.gradient_check.numpy_network import Network, Renorm, apply_layer, apply_layers

RANDOM = np.random.default_rng(3)
X = RANDOM.standard_normal((5, 4, 6, 3))


def network(**changes):
    arrays = {
        "conv1/w": RANDOM.standard_normal((3, 3, 3, 4)),
        "conv2/w": RANDOM.standard_normal((1, 1, 4, 7)),
        "bn1/gamma": RANDOM.uniform(0.5, 1.5, 4),
        "bn1/beta": RANDOM.standard_normal(4),
        "bn1/moving_mean": RANDOM.standard_normal(4),
        "bn1/moving_variance": RANDOM.uniform(1, 3, 4),
        "bn1/updates": np.array(40),
    }
    labels = np.array([6, 0, 2, 2, 5])
    usual = {"arrays": arrays, "labels": labels, "axes": (0, 1, 2), "epsilon": 1e-3}
    return Network(**{**usual, "training": True, "momentum": 0.9, "initial": None, **changes})


NAMES = ["conv1", "bn1", "elu1", "pool1", "conv2", "elu2", "logits", "cost"]


def per_activation(net):
    arrays = {
        name: RANDOM.uniform(0.5, 2, (4, 6, 4)) if name.startswith("bn1") else value
        for name, value in net.arrays.items()
    } | {"bn1/updates": np.array(40)}
    return net._replace(axes=(0,), arrays=arrays)


NETWORKS = {
    "channel": network(),
    "activation": per_activation(network()),
    "inference": network(training=False),
    "activation, inference": per_activation(network(training=False)),
    "debias": network(training=False, initial=0.5),
}


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("tensor", ["dx", "conv1/w", "bn1/gamma", "bn1/beta", "conv2/w"])
def test_the_complex_step_equals_central_differences(kind, tensor):
    net = NETWORKS[kind]
    moved = X if tensor == "dx" else net.arrays[tensor]
    u = np.random.default_rng(4).standard_normal(moved.shape)

    def cost(step):
        if tensor == "dx":
            return apply_layers(NAMES, X + step * u, net)
        arrays = {**net.arrays, tensor: net.arrays[tensor] + step * u}
        return apply_layers(NAMES, X, net._replace(arrays=arrays))

    exact = cost(1e-30j).imag / 1e-30
    assert abs(exact) > 1e-3
    assert (cost(1e-6) - cost(-1e-6)).real / 2e-6 == pytest.approx(exact, rel=1e-6)


def test_convolution_is_the_plain_sum():
    w, x = RANDOM.standard_normal((3, 3, 3, 2)), np.pad(X, [(0, 0), (1, 1), (1, 1), (0, 0)])
    y = numpy_network.convolve(X, w)
    for n, i, j, o in [(0, 0, 0, 0), (4, 3, 5, 1), (2, 1, 4, 0)]:
        window = x[n, i : i + 3, j : j + 3]
        assert y[n, i, j, o] == pytest.approx(np.sum(window * w[..., o]), rel=1e-12)


def test_a_shift_moves_the_padding():
    w = RANDOM.standard_normal((3, 3, 3, 2))
    shifted = numpy_network.convolve(X, w, (1, 0))
    np.testing.assert_allclose(shifted[:, 1:], numpy_network.convolve(X, w)[:, :-1])


def test_batch_norm_normalizes_as_defined():
    net = NETWORKS["channel"]
    x = RANDOM.standard_normal((5, 4, 6, 4)) * 3 + 1
    y = apply_layer("bn1", x, net)
    gamma, beta = net.arrays["bn1/gamma"], net.arrays["bn1/beta"]
    np.testing.assert_allclose(y.mean((0, 1, 2)), beta, rtol=1e-10)
    v = x.var((0, 1, 2))
    np.testing.assert_allclose(y.var((0, 1, 2)), gamma**2 * v / (v + 1e-3), rtol=1e-10)


def test_moving_statistics_are_corrected_for_their_initial_values():
    net = network(training=False, initial=0.5)
    left = 0.9**40
    mean, variance = numpy_network.moving_statistics("bn1", X, net)
    moving = net.arrays
    np.testing.assert_allclose(left * 0 + (1 - left) * mean, moving["bn1/moving_mean"])
    np.testing.assert_allclose(left * 0.5 + (1 - left) * variance, moving["bn1/moving_variance"])


def test_ghost_batches_are_normalized_one_by_one():
    net = network(ghosts=1)
    x = RANDOM.standard_normal((5, 4, 6, 4))
    y = apply_layer("bn1", x, net)
    beta, gamma = net.arrays["bn1/beta"], net.arrays["bn1/gamma"]
    np.testing.assert_allclose(y.mean((1, 2)), np.tile(beta, (5, 1)), rtol=1e-10)
    x = RANDOM.standard_normal((6, 4, 6, 4))
    y = apply_layer("bn1", x, net._replace(ghosts=2))  # 0 and 3, 1 and 4, 2 and 5
    v = x[1::3].var((0, 1, 2))
    np.testing.assert_allclose(y[1::3].mean((0, 1, 2)), beta, rtol=1e-10)
    np.testing.assert_allclose(y[1::3].var((0, 1, 2)), gamma**2 * v / (v + 1e-3), rtol=1e-10)
    whole = apply_layer("bn1", x, net._replace(ghosts=None))
    np.testing.assert_allclose(apply_layer("bn1", x, net._replace(ghosts=6)), whole, rtol=1e-12)


def renormalized(r_max, d_max):
    averages = {
        "bn1/moving_stddev": np.array([0.3, 2, 1, 4]),
        "bn1/renorm_mean": np.full(4, 0.2),
        "bn1/renorm_stddev": np.array([0.1, 1, 2, 9]),
    }
    return network(renorm=Renorm(r_max, d_max, 0.7), arrays={**network().arrays, **averages})


def test_renormalization_with_open_limits_uses_the_averages_alone():
    net = renormalized(1e9, 1e9)
    x = RANDOM.standard_normal((5, 4, 6, 4))
    gamma, beta = net.arrays["bn1/gamma"], net.arrays["bn1/beta"]
    expected = gamma * (x - 0.2) / [0.1, 1, 2, 9] + beta
    np.testing.assert_allclose(apply_layer("bn1", x, net), expected, rtol=1e-10)
    closed = apply_layer("bn1", x, renormalized(1.0, 0.0)._replace(arrays=net.arrays))
    plain = apply_layer("bn1", x, network(arrays=net.arrays))
    np.testing.assert_allclose(closed, plain, rtol=1e-12)


def test_r_and_d_do_not_move_along_a_direction():
    net = renormalized(1e9, 1e9)._replace(epsilon=1e-14)
    x = RANDOM.standard_normal((5, 4, 6, 4))
    for direction in (1, x):  # what shifts or stretches the whole batch moves r and d alone
        moved = apply_layer("bn1", x + 1e-30j * direction, net)
        np.testing.assert_allclose(moved.imag / 1e-30, 0, atol=1e-10)


def test_noise_is_that_of_the_paper():
    u_mean, u_scale, u, z = (
        RANDOM.random(4),
        RANDOM.random(4),
        RANDOM.random((5, 4, 6, 4)),
        X[..., :1],
    )
    net = network(draws={"noise1": (u_mean, u_scale, u, z)})
    x = RANDOM.standard_normal((5, 4, 6, 4))
    s, m = 1 + 0.25 * u_scale + 0.1 * z, u_mean - 0.5 + 0.2 * (u - 0.5)
    np.testing.assert_allclose(apply_layer("noise1", x, net), s * x + m, rtol=1e-12)
    np.testing.assert_array_equal(apply_layer("noise1", x, net._replace(training=False)), x)


def test_elu_chooses_its_branch_by_the_real_part():
    x = np.array([-2.0 + 1e-30j, 3.0 + 1e-30j, 800.0 + 0j])
    y = numpy_network.elu(x)
    np.testing.assert_allclose(y.real, [np.exp(-2) - 1, 3, 800])
    np.testing.assert_allclose(y.imag[:2] / 1e-30, [np.exp(-2), 1])


def test_the_cost_does_not_overflow():
    logits = np.array([[1000.0, 0.0], [0.0, 1000.0]])
    assert numpy_network.cross_entropy(logits, np.array([0, 0])) == pytest.approx(500)


def test_it_imports_no_tensorflow_and_nothing_of_ours():
    source = Path(numpy_network.__file__).read_text()
    assert "bnstudy" not in source.replace("bnstudy check", "")
    assert "tensorflow" not in source


@pytest.mark.parametrize("kind", ["channel", "activation"])
def test_moving_statistics_are_averages_and_updates_are_counted(kind):
    net = NETWORKS[kind]
    x = RANDOM.standard_normal((5, 4, 6, 4)) * 3 + 1
    old, new = net.arrays, numpy_network.statistics_after("bn1", x, net)
    expected = 0.9 * old["bn1/moving_variance"] + 0.1 * x.var(net.axes)
    np.testing.assert_allclose(new["moving_variance"], expected)
    np.testing.assert_allclose(
        new["moving_mean"], 0.9 * old["bn1/moving_mean"] + 0.1 * x.mean(net.axes)
    )
    assert new["updates"] == 41


@pytest.mark.parametrize(("ghosts", "parts"), [(2, 3), (1, 6), (6, 1)])
def test_moving_statistics_average_the_statistics_of_the_ghost_batches(ghosts, parts):
    net = network(ghosts=ghosts)
    x = RANDOM.standard_normal((6, 4, 6, 4)) * 3 + 1
    variances = [x[k::parts].var((0, 1, 2)) for k in range(parts)]
    means = [x[k::parts].mean((0, 1, 2)) for k in range(parts)]
    new = numpy_network.statistics_after("bn1", x, net)
    for statistic, values in (("moving_mean", means), ("moving_variance", variances)):
        expected = 0.9 * net.arrays[f"bn1/{statistic}"] + 0.1 * sum(values) / parts
        np.testing.assert_allclose(new[statistic], expected)


def test_renormalization_averages_standard_deviations_by_two_momenta():
    net, x = renormalized(3.0, 5.0), RANDOM.standard_normal((5, 4, 6, 4)) * 3 + 1
    old, mean, stddev = net.arrays, x.mean((0, 1, 2)), np.sqrt(x.var((0, 1, 2)) + 1e-3)
    new = numpy_network.statistics_after("bn1", x, net)
    moving = 0.9 * old["bn1/moving_stddev"] + 0.1 * stddev
    expected = {
        "moving_mean": 0.9 * old["bn1/moving_mean"] + 0.1 * mean,
        "moving_variance": moving**2 - 1e-3,
        "moving_stddev": moving,
        "renorm_mean": 0.7 * old["bn1/renorm_mean"] + 0.3 * mean,
        "renorm_stddev": 0.7 * old["bn1/renorm_stddev"] + 0.3 * stddev,
        "updates": 41,
    }
    assert new.keys() == expected.keys()
    for statistic, values in expected.items():
        np.testing.assert_allclose(new[statistic], values, err_msg=statistic)


def test_the_moving_variance_of_renormalization_is_not_negative():
    net, zeros = renormalized(3.0, 5.0), np.zeros(4)
    net = net._replace(arrays={**net.arrays, "bn1/moving_stddev": zeros}, initial=0.0)
    new = numpy_network.statistics_after("bn1", np.zeros((5, 4, 6, 4)), net)
    np.testing.assert_array_equal(new["moving_variance"], zeros)
    inference = net._replace(training=False)
    np.testing.assert_array_equal(numpy_network.moving_statistics("bn1", X, inference)[1], zeros)


def test_in_inference_moving_statistics_stay():
    net = NETWORKS["inference"]
    for name, value in numpy_network.statistics_after("bn1", X, net).items():
        np.testing.assert_array_equal(value, net.arrays[f"bn1/{name}"])
