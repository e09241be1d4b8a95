"""Mistakes in trained networks, their evaluation and their exports that a test must notice."""

NETWORK = "tests/trained/test_network.py"
EVALUATION = "tests/trained/test_evaluation.py"
KERAS = "tests/trained/test_to_keras.py"
SAFETENSORS = "tests/trained/test_to_safetensors.py"
EXPORT = "tests/trained/test_export.py"

MUTATIONS = [
    (
        "classify images without standardizing them",
        "trained/network.py",
        "self.model.forward(self.standardization(images), training=False)",
        "self.model.forward(images / 255, training=False)",
        f"{NETWORK}::test_it_classifies_as_an_independent_network_in_numpy_does[a batch_pixels]",
    ),
    (
        "use the statistics of the images at hand",
        "trained/network.py",
        "training=False",
        "training=True",
        f"{NETWORK}::test_it_classifies_as_an_independent_network_in_numpy_does[c]",
    ),
    (
        "forget the images of the last, smaller batch",
        "trained/network.py",
        "range(0, len(images), size)",
        "range(0, len(images) - size + 1, size)",
        f"{NETWORK}::test_the_answer_does_not_depend_on_the_batch_or_the_type",
    ),
    (
        "compute a bfloat16 run in float32",
        "trained/__init__.py",
        "precision or found.run.config.training.precision",
        'precision or "float32"',
        f"{NETWORK}::test_a_bfloat16_run_is_computed_as_it_was_unless_asked_otherwise",
    ),
    (
        "accept images that were divided by 255",
        "trained/network.py",
        'array.dtype.kind == "f" and high <= 1',
        "high < 0",
        f"{NETWORK}::test_images_that_are_not_raw_are_refused_in_one_line",
    ),
    (
        "evaluate the training images",
        "trained/evaluation.py",
        '{"training": dataset[:2], "test": dataset[2:]}[split]',
        "dataset[:2]",
        f"{EVALUATION}::test_it_evaluates_the_test_images_of_the_run",
    ),
    (
        "exchange rows and columns of the confusion matrix",
        "trained/evaluation.py",
        "(self.labels, self.predicted), 1)",
        "(self.predicted, self.labels), 1)",
        f"{EVALUATION}::test_the_confusion_matrix_has_the_class_in_its_rows",
    ),
    (
        "weigh every bin of the calibration alike",
        "trained/evaluation.py",
        "gaps @ self.images[used] / self.images.sum()",
        "gaps.mean()",
        f"{EVALUATION}::test_the_calibration_is_by_bins_of_equal_width",
    ),
    (
        "show the images of highest cost, right or wrong",
        "trained/evaluation.py",
        "order[self.predicted[order] != self.labels[order]][:most]",
        "order[:most]",
        f"{EVALUATION}::test_the_worst_mistakes_have_the_highest_cost_and_are_mistakes",
    ),
    (
        "export Keras's default epsilon",
        "trained/to_keras.py",
        "        epsilon=config.epsilon,\n",
        "",
        f"{KERAS}::test_it_classifies_as_the_network_does[b no scale]",
    ),
    (
        "export the standard deviation as the variance",
        "trained/to_keras.py",
        'stddev.astype("float64") ** 2',
        'stddev.astype("float64")',
        f"{KERAS}::test_it_classifies_as_the_network_does[a]",
    ),
    (
        "export moving statistics that are not corrected",
        "model/batch_norm.py",
        "return self.gamma, self.beta, *self._inference_statistics()",
        "return self.gamma, self.beta, self.moving_mean, self.moving_variance",
        f"{KERAS}::test_it_classifies_as_the_network_does[c debias]",
    ),
    (
        "take noise for a layer of inference",
        "trained/network.py",
        "[layer for layer in self.model.layers if not isinstance(layer, Noise)]",
        "self.model.layers",
        f"{NETWORK}::test_its_layers_are_those_that_do_something_in_inference",
    ),
    (
        "export the moving variance where the standard deviation is corrected",
        "model/batch_renorm.py",
        "return mean, renorm.variance_of(stddev, self.config.epsilon)",
        "return mean, self.moving_variance.value()",
        f"{KERAS}::test_it_classifies_as_the_network_does[c renorm debias activation]",
    ),
    (
        "export the precision of the user's own Keras",
        "trained/to_keras.py",
        'named = {"name": layer.name, "dtype": FLOAT32}',
        'named = {"name": layer.name}',
        f"{KERAS}::test_the_users_default_precision_does_not_matter",
    ),
    (
        "leave Keras's statistics as a vector",
        "model/batch_norm.py",
        "tuple(tf.reshape(array, self._group) for array in (gamma, beta, mean, variance))",
        "(gamma, beta, mean, variance)",
        f"{SAFETENSORS}::test_gamma_and_beta_are_there_even_if_they_were_not_learned",
    ),
    (
        "export a bfloat16 run in bfloat16",
        "trained/export.py",
        'precision="float32"',
        'precision="bfloat16"',
        f"{EXPORT}::test_a_file_can_be_named",
    ),
    (
        "standardize by the training images where the test images are meant",
        "trained/__init__.py",
        "images.standardize).test",
        '"train_channels").test',
        f"{EXPORT}::test_weights_from_a_checkpoint_are_those_that_the_run_would_have_left[False]",
    ),
    (
        "evaluate under the run's own statistics whatever is asked for",
        "trained/evaluation.py",
        "(logits or network.logits)(all_images)",
        "network.logits(all_images)",
        "tests/cli/test_evaluate.py::test_each_choice_changes_the_answers",
    ),
    (
        "keep what corrupted training images gave as if it were the run's own",
        "cli/evaluate.py",
        'keep = plain and options.images == "training"',
        'keep = options.images == "training"',
        "tests/cli/test_evaluate.py::test_other_statistics_and_corrupted_images_are_named_and_leave_nothing",
    ),
    (
        "draw pictures under other statistics over those of the run",
        "cli/evaluate.py",
        "options.run_folder if plain else None",
        "options.run_folder",
        "tests/cli/test_evaluate.py::test_other_statistics_and_corrupted_images_are_named_and_leave_nothing",
    ),
]
