"""Mistakes in the analyses that a test must notice."""

CORRUPTIONS = "tests/analysis/test_corruptions.py::"

MUTATIONS = [
    (
        "take the variance for the deviation of the noise",
        "analysis/corruptions.py",
        "return x + c * random",
        "return x + np.sqrt(c) * random",
        CORRUPTIONS + "test_normal_noise_has_its_deviation",
    ),
    (
        "forget that clouds close into a torus",
        "analysis/corruptions.py",
        "np.roll(centers, 1, axis=2) + corners",
        "np.roll(centers, 1, axis=1) + corners",
        CORRUPTIONS + "test_clouds_equal_the_algorithm_point_by_point",
    ),
    (
        "contrast about the mean of all images",
        "analysis/corruptions.py",
        "m = x.mean(axis=(1, 2), keepdims=True)",
        "m = x.mean(keepdims=True)",
        CORRUPTIONS + "test_contrast_keeps_the_mean_of_each_channel_and_shrinks_the_rest",
    ),
    (
        "exchange saturation and value",
        "analysis/corruptions.py",
        "hsv[..., 2] + c, 0, 1)",
        "hsv[..., 1] + c, 0, 1)",
        CORRUPTIONS + "test_brightness_and_saturation_change_one_component_of_hsv",
    ),
    (
        "draw salt and pepper together with the hits",
        "analysis/corruptions.py",
        "random.random(x.shape) < 0.5",
        "random.random(x.shape) < c",
        CORRUPTIONS + "test_impulse_noise_hits_its_share_with_as_much_salt_as_pepper",
    ),
    (
        "take the batch's statistics where they are frozen",
        "analysis/landscape.py",
        "training=not frozen",
        "training=True",
        "tests/analysis/test_landscape.py::test_frozen_the_statistics_are_the_moving_ones_and_constants",
    ),
    (
        "leave the moving statistics where the last batch put them",
        "analysis/landscape.py",
        "[*self.model.parameters.values(), *self.model.statistics.values()]",
        "[*self.model.parameters.values()]",
        "tests/analysis/test_landscape.py::test_weights_and_statistics_are_put_back",
    ),
]
