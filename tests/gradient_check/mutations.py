"""Mistakes that the tests of the gradient check must notice."""

NETWORK = "gradient_check/network.py"
OPINIONS = "gradient_check/opinions.py"
NUMPY = "gradient_check/numpy_network.py"
NAMES = "gradient_check/mistakes.py"
DIAGNOSIS = "gradient_check/diagnosis.py"
ROUNDING = "gradient_check/rounding.py"
TABLE = "gradient_check/table.py"
TESTS = "tests/gradient_check/test_"

MUTATIONS = [
    (
        "overlook moving statistics",
        NETWORK,
        "return values and moved and all(",
        "return values and all(",
        TESTS + "network.py::test_moving_statistics_that_stand_still_fail",
    ),
    (
        "compile for a known number of images",
        OPINIONS,
        "tf.TensorSpec([None, HEIGHT, WIDTH, 3], tf.float64)",
        "tf.TensorSpec([IMAGES, HEIGHT, WIDTH, 3], tf.float64)",
        TESTS + "network.py::test_a_mistake_where_the_number_of_images_is_unknown_is_noticed",
    ),
    (
        "scale by a gradient that is no number",
        NETWORK,
        "if norm and np.isfinite(norm)",
        "if norm",
        TESTS + "network.py::test_an_automatic_gradient_that_is_no_number_is_alone_and_located",
    ),
    (
        "blame the layers that were given no numbers",
        NETWORK,
        "if not np.isfinite(dy).all():",
        "if False:",
        TESTS + "network.py::test_an_automatic_gradient_that_is_no_number_is_alone_and_located",
    ),
    (
        "guess who is alone where nothing shows along the directions",
        NETWORK,
        " or second < 0.5 * TOLERANCE",
        "",
        TESTS
        + "network.py::test_nobody_is_alone_where_the_error_does_not_show_along_the_directions",
    ),
    (
        "pass what only float32 gets wrong",
        TABLE,
        "certificate.passed and not any(row.wrong for row in rounding)",
        "certificate.passed",
        TESTS + "table.py::test_what_only_float32_gets_wrong_fails",
    ),
    (
        "compare the gradient by hand with itself",
        NETWORK,
        "_comparison(evidence.by_hand[key], automatic[key], local, lines)",
        "_comparison(automatic[key], automatic[key], local, lines)",
        TESTS + "network.py::test_a_wrong_gradient_by_hand_is_alone_and_located",
    ),
    (
        "look along the directions alone",
        NETWORK,
        "np.max([self.hand_and_automatic, *np.ptp(self.values, axis=0)])",
        "np.max([0.0, *np.ptp(self.values, axis=0)])",
        TESTS + "network.py::test_an_error_that_is_orthogonal_to_the_directions_is_noticed",
    ),
    (
        "let nan pass",
        NETWORK,
        "float(np.max([self.hand_and_automatic, *np.ptp(self.values, axis=0)]))",
        "float(np.nanmax([0.0, self.hand_and_automatic, *np.ptp(self.values, axis=0)]))",
        TESTS + "network.py::test_a_gradient_of_a_wrong_shape_leaves_the_rest_uncomputed",
    ),
    (
        "forget the compiled step",
        NETWORK,
        "np.max([self.whole.difference, self.compiled or 0.0])",
        "np.max([self.whole.difference, 0.0])",
        TESTS + "network.py::test_a_wrong_compiled_step_is_alone",
    ),
    (
        "give a layer the dy that the wrong layers after it made",
        OPINIONS,
        "layer.backward(tf.constant(right_dy), cache)",
        "layer.backward(tf.constant(whole[after, 'dx']), cache)",
        TESTS + "network.py::test_what_passes_an_error_on_is_not_wrong_by_itself",
    ),
    (
        "check gamma where it is 1",
        OPINIONS,
        "random.uniform(0.5, 1.5, shape)",
        "np.ones(shape)",
        TESTS + "opinions.py::test_nothing_is_degenerate",
    ),
    (
        "keep the moving statistics that a forward pass has moved",
        OPINIONS,
        "        self.model.assign(self.network.arrays)\n",
        "",
        TESTS + "opinions.py::test_a_forward_pass_moves_statistics_and_a_fresh_model_has_them_back",
    ),
    (
        "square by the absolute value, which is not analytic",
        NUMPY,
        "((x - mean) * (x - mean)).mean(",
        "(np.abs(x - mean) ** 2).mean(",
        TESTS + "numpy_network.py::test_the_complex_step_equals_central_differences",
    ),
    (
        "choose the branch of the ELU by the absolute value",
        NUMPY,
        "np.where(x.real > 0, x, np.expm1",
        "np.where(np.abs(x) > 0, x, np.expm1",
        TESTS + "numpy_network.py::test_elu_chooses_its_branch_by_the_real_part",
    ),
    (
        "correct no moving average",
        NUMPY,
        "if network.initial is not None:",
        "if not network:",
        TESTS + "numpy_network.py::test_moving_statistics_are_corrected_for_their_initial_values",
    ),
    (
        "average the statistics of one ghost batch alone",
        NUMPY,
        "np.mean(parts, axis=0)  # (38)",
        "parts[0]",
        TESTS + "numpy_network.py::"
        "test_moving_statistics_average_the_statistics_of_the_ghost_batches",
    ),
    (
        "average what renormalization trains with by the momentum of inference",
        NUMPY,
        "renorm.momentum if renorm else network.momentum",
        "network.momentum",
        TESTS + "numpy_network.py::"
        "test_renormalization_averages_standard_deviations_by_two_momenta",
    ),
    (
        "let the moving variance of renormalization be negative",
        NUMPY,
        'np.maximum(new["moving_stddev"] ** 2 - network.epsilon, 0)',
        'new["moving_stddev"] ** 2 - network.epsilon',
        TESTS + "numpy_network.py::test_the_moving_variance_of_renormalization_is_not_negative",
    ),
    (
        "take the whole batch for its ghost batches where moving statistics are named",
        "gradient_check/diagnosis.py",
        "relatives.WHOLE: after(ghosts=None)",
        "relatives.WHOLE: after()",
        TESTS + "relatives.py::test_a_moving_variance_of_the_whole_batch_is_named",
    ),
    (
        "take a large similar mistake for a small one",
        NAMES,
        "rest <= SAME * np.linalg.norm(wrong - right)",
        "rest <= SAME * np.linalg.norm(right)",
        TESTS + "mistakes.py::test_a_small_error_is_not_explained_by_a_large_similar_one",
    ),
    (
        "list the right gradient as a mistake",
        NAMES,
        'the sign of the mean term", r * (dx_hat + a - b)',
        'the sign of the mean term", r * (dx_hat - a - b)',
        TESTS + "mistakes.py::test_the_mistakes_of_batch_norm_are_distinct_and_wrong",
    ),
    (
        "blame the hand where the automatic gradient is alone",
        DIAGNOSIS,
        'reversed(opinions) if alone == "automatic" else opinions',
        "opinions",
        TESTS + "diagnosis.py::test_a_gradient_that_automatic_differentiation_does_not_see_is_zero",
    ),
    (
        "call a wrong forward pass a wrong gradient",
        DIAGNOSIS,
        "row.layer in layers",
        "False",
        TESTS + "diagnosis.py::test_epsilon_outside_the_root_in_both_passes_is_a_wrong_forward",
    ),
    (
        "measure rounding in units twice as large",
        ROUNDING,
        '"bfloat16": 2.0**-8',
        '"bfloat16": 2.0**-7',
        TESTS + "rounding.py::test_the_units_are_half_the_distance_from_1_to_the_next_number",
    ),
    (
        "overstate the power",
        TABLE,
        "inv_cdf((1 + missed) / 2)",
        "inv_cdf((2 + missed) / 3)",
        TESTS + "table.py::test_an_error_of_the_power_is_noticed_in_99_of_100_cases",
    ),
    (
        "exit with 0 although a gradient is wrong",
        "cli/check.py",
        "return 0 if table.passed(certificate, rounded) else 1",
        "return 0",
        "tests/cli/test_check.py::test_the_authors_gradients_are_exit_code_1_and_named",
    ),
    (
        "check training where inference was asked for",
        "cli/check.py",
        "training=not options.inference",
        "training=True",
        "tests/cli/test_check.py::test_inference_is_not_training",
    ),
    (
        "move r and d of the NumPy network along a direction",
        "gradient_check/numpy_network.py",
        "stddev.real / average",
        "stddev / average",
        TESTS + "numpy_network.py::test_r_and_d_do_not_move_along_a_direction",
    ),
    (
        "divide the NumPy network's batch into neighbours",
        "gradient_check/numpy_network.py",
        "x[k::count]",
        "x[k * network.ghosts : (k + 1) * network.ghosts]",
        TESTS + "numpy_network.py::test_ghost_batches_are_normalized_one_by_one",
    ),
    (
        "compare rounding with a layer whose averages have moved",
        ROUNDING,
        "same = exact.fresh_model().layers[index]",
        "same = exact.model.layers[index]",
        TESTS + "rounding.py::test_averages_that_move_are_no_rounding",
    ),
]
