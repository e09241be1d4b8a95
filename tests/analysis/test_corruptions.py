"""Corruptions: each definition against an independent computation or its statistics."""

import numpy as np
import pytest
from scipy import stats

from bnstudy.analysis import corruptions
from bnstudy.analysis.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from bnstudy.errors import UserError

RANDOM = np.random.default_rng(5)
X = RANDOM.uniform(0.3, 0.7, (20, 32, 32, 3))
IMAGES = RANDOM.integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)


# CIFAR-10-C, severities 1 to 5: the constants of make_cifar_c.py of hendrycks/robustness.
CIFAR_10_C = {
    "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "shot_noise": (500, 250, 100, 75, 50),
    "impulse_noise": (0.01, 0.02, 0.03, 0.05, 0.07),
    "speckle_noise": (0.06, 0.1, 0.12, 0.16, 0.2),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),
    "saturate": ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
    "fog": ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),
    "jpeg": (80, 65, 58, 50, 40),
    "defocus_blur": ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    "gaussian_blur": (0.4, 0.6, 0.7, 0.8, 1),
}


def test_the_constants_are_those_of_cifar_10_c():
    ours = {name: tuple(constants) for name, (_, constants) in CORRUPTIONS.items()}
    assert ours == CIFAR_10_C


def change(name, severity=5, x=X):
    function, constants = CORRUPTIONS[name]
    c = constants[severity - 1]
    return function(x, c, np.random.default_rng(1)), c


@pytest.mark.parametrize("severity", SEVERITIES)
def test_normal_noise_has_its_deviation(severity):
    noisy, c = change("gaussian_noise", severity)
    assert stats.kstest(((noisy - X) / c).ravel(), "norm").pvalue > 1e-3
    noisy, c = change("speckle_noise", severity)
    assert stats.kstest(((noisy - X) / (c * X)).ravel(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("severity", SEVERITIES)
def test_shot_noise_counts_photons(severity):
    level = np.full_like(X, 0.4)
    noisy, c = change("shot_noise", severity, level)
    counts = noisy * c
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    assert counts.mean() == pytest.approx(0.4 * c, rel=0.01)
    assert counts.var() == pytest.approx(0.4 * c, rel=0.03)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_impulse_noise_hits_its_share_with_as_much_salt_as_pepper(severity):
    noisy, c = change("impulse_noise", severity)
    hit = noisy != X
    error = 5 * np.sqrt(c / X.size)
    assert hit.mean() == pytest.approx(c, abs=error)
    assert (noisy[hit] == 1).mean() == pytest.approx(0.5, abs=0.1)
    assert set(np.unique(noisy[hit])) == {0.0, 1.0}


def test_contrast_keeps_the_mean_of_each_channel_and_shrinks_the_rest():
    changed, c = change("contrast")
    np.testing.assert_allclose(changed.mean((1, 2)), X.mean((1, 2)))
    np.testing.assert_allclose(changed.std((1, 2)), c * X.std((1, 2)))


def test_brightness_and_saturation_change_one_component_of_hsv():
    bright, c = change("brightness", 1)
    np.testing.assert_allclose(bright.max(-1), X.max(-1) + c)  # the value is the largest channel
    ratio = 1 - X.min(-1) / X.max(-1)  # the saturation
    np.testing.assert_allclose(1 - bright.min(-1) / bright.max(-1), ratio)
    vivid, (a, b) = change("saturate", 4)
    np.testing.assert_allclose(vivid.max(-1), X.max(-1))
    np.testing.assert_allclose(
        1 - vivid.min(-1) / vivid.max(-1), np.clip(a * ratio + b, 0, 1), atol=1e-12
    )


def test_fog_adds_clouds_and_darkens():
    black = np.zeros_like(X)
    black[:, 0, 0, 0] = 0.8  # the largest value of each image
    foggy, (strength, _) = change("fog", 5, black)
    clouds = foggy[..., 1] * (0.8 + strength) / (0.8 * strength)
    assert clouds.min((1, 2)) == pytest.approx(0, abs=1e-12)
    assert clouds.max((1, 2)) == pytest.approx(1)
    np.testing.assert_array_equal(foggy[..., 1], foggy[..., 2])  # the same in all channels


def plasma_one_by_one(side, decay, random):
    """Diamond-square in loops over points, drawing in the same order."""
    z, step, w = np.zeros((side, side)), side, 100.0
    while step >= 2:
        half = step // 2
        for starts, near in (
            ((half, half), ((-half, -half), (-half, half), (half, -half), (half, half))),
            ((0, half), ((-half, 0), (half, 0), (0, -half), (0, half))),
            ((half, 0), ((-half, 0), (half, 0), (0, -half), (0, half))),
        ):
            new = z.copy()
            for i in range(starts[0], side, step):
                for j in range(starts[1], side, step):
                    four = [z[(i + di) % side, (j + dj) % side] for di, dj in near]
                    new[i, j] = np.mean(four) + w * random.uniform(-w, w)
            z = new
        step, w = half, w / decay
    z -= z.min()
    return z / z.max()


@pytest.mark.parametrize("decay", [3.0, 1.75])
def test_clouds_equal_the_algorithm_point_by_point(decay):
    (cloud,) = corruptions.plasma(1, 32, decay, np.random.default_rng(2))
    expected = plasma_one_by_one(32, decay, np.random.default_rng(2))
    np.testing.assert_allclose(cloud, expected, atol=1e-12)


def test_rougher_clouds_have_steeper_slopes():
    slopes = [
        np.abs(np.diff(corruptions.plasma(50, 32, decay, np.random.default_rng(3)))).mean()
        for decay in (3, 2.5, 2, 1.75)
    ]
    assert slopes == sorted(slopes)


def test_pixelate_averages_over_boxes():
    halved = corruptions.pixelate(X, 0.5, None)
    x = np.round(255 * X) / 255  # Pillow computes with bytes, and rounds after each direction
    expected = x.reshape(20, 16, 2, 16, 2, 3).mean((2, 4)).repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(halved, expected, atol=1.01 / 255)


def test_jpeg_loses_more_at_higher_severity():
    errors = [np.abs(change("jpeg", s)[0] - X).mean() for s in SEVERITIES]
    assert errors == sorted(errors)
    assert 0 < errors[0] < errors[-1] < 0.2


@pytest.mark.parametrize("name", ["defocus_blur", "gaussian_blur"])
def test_a_blur_keeps_a_constant_image_and_spreads_a_point(name):
    flat, _ = change(name, 5, np.full((1, 32, 32, 3), 0.3))
    np.testing.assert_allclose(flat, 0.3)
    point = np.zeros((1, 32, 32, 3))
    point[0, 16, 16] = 1
    spread, _ = change(name, 5, point)
    assert spread[0, ..., 0].sum() == pytest.approx(1, abs=1e-3)
    y = spread[0, ..., 0]
    if name == "gaussian_blur":
        d = np.arange(32) - 16
        expected = np.exp(-0.5 * (d**2 + d[:, None] ** 2))
        np.testing.assert_allclose(y, expected / expected.sum(), atol=1e-4)
    else:
        # radius 1.5: nine pixels; deviation 0.1: an edge so thin that it changes nothing
        np.testing.assert_allclose(y[15:18, 15:18], 1 / 9, atol=1e-12)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_seed_gives_the_same_images_and_another_seed_others(name):
    first, again, other = (corrupt(IMAGES, name, 3, seed) for seed in (0, 0, 1))
    assert first.dtype == np.uint8
    assert first.shape == IMAGES.shape
    np.testing.assert_array_equal(first, again)
    random = name.endswith("_noise") or name == "fog"
    assert np.array_equal(first, other) is not random
    assert not np.array_equal(first, IMAGES)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((IMAGES, "snow", 1), r"corruption must be one of gaussian_noise, .*, got 'snow'"),
        ((IMAGES, "fog", 0), "severity must be an integer from 1 to 5, got 0"),
        ((IMAGES, "fog", 1.5), "severity must be an integer from 1 to 5"),
        ((IMAGES / 255, "fog", 1), r"images must be uint8 of shape \[N, 32, 32, 3\], got float64"),
        ((IMAGES[0], "fog", 1), r"got uint8 of shape \[32, 32, 3\]"),
    ],
)
def test_wrong_input_is_one_line(arguments, says):
    with pytest.raises(UserError, match=says) as caught:
        corrupt(*arguments)
    assert "\n" not in str(caught.value)
