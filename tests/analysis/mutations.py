"""Mistakes in the analyses that a test must notice."""

CORRUPTIONS = "tests/analysis/test_corruptions.py::"
ACTIVATIONS = "tests/analysis/test_activations.py::"
LINEAR = "tests/analysis/test_linear_network.py::"
STEPS = "tests/analysis/test_first_steps.py::"
PROBE = "tests/analysis/test_probe.py::"

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
    (
        "call a channel dead that is saturated somewhere",
        "analysis/activations.py",
        "(self.saturated == self.size).mean()",
        "(self.saturated > 0).mean()",
        ACTIVATIONS + "test_channels_that_are_saturated_everywhere_are_dead",
    ),
    (
        "forget that the batches have different means",
        "analysis/activations.py",
        "self.squares + more.squares + delta**2 * (self.size * more.size / size)",
        "self.squares + more.squares",
        ACTIVATIONS + "test_moments_and_histograms_are_those_of_all_images",
    ),
    (
        "drop the values beyond the histogram",
        "analysis/activations.py",
        "np.histogram(np.clip(values, EDGES[0], EDGES[-1]), EDGES)",
        "np.histogram(values, EDGES)",
        ACTIVATIONS + "test_moments_and_histograms_are_those_of_all_images",
    ),
    (
        "leave the moving statistics where a measurement put them",
        "analysis/activations.py",
        "        variable.assign(value)\n",
        "        pass\n",
        ACTIVATIONS + "test_in_training_mode_moving_statistics_are_put_back",
    ),
    (
        "backpropagate as if the statistics were constants",
        "analysis/linear_network.py",
        "(dh - (dbeta[i] + dgamma[i] * x_hat) / dh.shape[1])",
        "dh",
        LINEAR + "test_the_gradient_by_hand_equals_the_automatic_one",
    ),
    (
        "move the layer itself too",
        "analysis/linear_network.py",
        "np.concatenate([new[:i], old[i:]])",
        "np.concatenate([new[: i + 1], old[i + 1 :]])",
        LINEAR + "test_the_shift_moves_the_layers_before_and_no_others",
    ),
    (
        "measure the shift on the weights after the step",
        "analysis/first_steps.py",
        "internal_covariate_shift(landscape, before, landscape.weights)",
        "internal_covariate_shift(landscape, landscape.weights, before)",
        STEPS + "test_the_shift_is_that_of_the_steps_of_the_run",
    ),
    (
        "take the noise of the first step at every step",
        "analysis/first_steps.py",
        "Context(True, config.seed, step, total)",
        "Context(True, config.seed, 0, total)",
        STEPS + "test_movement_is_that_of_the_channel_means_behind_the_noise",
    ),
    (
        "divide a movement by the variance",
        "analysis/first_steps.py",
        "tf.sqrt(variance)",
        "variance",
        STEPS + "test_movement_is_that_of_the_channel_means_behind_the_noise",
    ),
    (
        "take a checkpoint for the end of an epoch",
        "analysis/probe.py",
        'removeprefix("step-")) / steps',
        'removeprefix("step-")) // steps',
        PROBE + "test_of_an_unfinished_run_the_newest_checkpoint_is_the_end",
    ),
    (
        "probe images that are not standardized",
        "analysis/probe.py",
        "(standardize(tf.constant(images[part], tf.float32)), tf.constant(labels[part]))",
        "(tf.constant(images[part], tf.float32), tf.constant(labels[part]))",
        PROBE + "test_it_looks_before_training_after_each_kept_epoch_and_at_the_end",
    ),
]
