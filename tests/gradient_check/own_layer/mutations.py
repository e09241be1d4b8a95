"""Mistakes in the check of somebody's own layer that a test must notice."""

TESTS = "tests/gradient_check/own_layer/"
LAYER = TESTS + "test_check.py::"
ORACLES = TESTS + "test_oracles.py::"
NAMES = TESTS + "test_names.py::"
REFUSALS = TESTS + "test_refusals.py::"
FILES = TESTS + "test_file.py::"

MUTATIONS = [
    (
        "pass every gradient",
        "gradient_check/own_layer/row.py",
        "return not difference <= (EXACT if exact else given.precision.tolerance)",
        "return False",
        NAMES + "test_the_mistake_of_a_student_is_named",
    ),
    (
        "allow with the complex step what central differences allow",
        "gradient_check/own_layer/row.py",
        "(EXACT if exact else given.precision.tolerance)",
        "given.precision.tolerance",
        LAYER + "test_an_error_of_a_millionth_is_noticed_where_the_complex_step_applies",
    ),
    (
        "believe a complex step that disagrees with central differences",
        "gradient_check/own_layer/oracles.py",
        "return values if distance <= AGREE * np.linalg.norm(central[smooth]) else None",
        "return values",
        ORACLES + "test_the_complex_step_is_left_out_where_it_is_wrong",
    ),
    (
        "count no kinks",
        "gradient_check/own_layer/oracles.py",
        "kinks[i] = abs(closer[0] - closer[1]) > 0.15 * jumps[i]",
        "kinks[i] = False",
        LAYER + "test_kinks_are_counted_and_stepped_around",
    ),
    (
        "take a sharp curve for a kink",
        "gradient_check/own_layer/oracles.py",
        "> 0.15 * jumps[i]",
        "> 0.01 * jumps[i]",
        ORACLES + "test_a_sharp_curve_is_no_kink",
    ),
    (
        "do not look at the elements that were not compared",
        "gradient_check/own_layer/row.py",
        "rest = x.size - len(opinion.elements)\n",
        "rest = 0\n",
        LAYER + "test_of_a_large_argument_the_elements_not_compared_are_seen_by_the_directions",
    ),
    (
        "give a verdict where the right gradient is 0",
        "gradient_check/own_layer/row.py",
        'return "the right gradient is 0, so that a wrong one shows little; give other inputs"',
        'return ""',
        LAYER + "test_a_gradient_that_is_zero_gets_no_verdict_unless_insisted",
    ),
    (
        "give a verdict where most elements are kinks",
        "gradient_check/own_layer/row.py",
        "if opinion.kinks.sum() > len(opinion.kinks) / 2:",
        "if False:",
        LAYER + "test_no_verdict_where_most_elements_are_kinks",
    ),
    (
        "do not look at ties",
        "gradient_check/own_layer/row.py",
        "if given.opinions[position].kinks.any() and",
        "if False and",
        NAMES + "test_the_mistake_of_a_student_is_named",
    ),
    (
        "accept two values in a group",
        "gradient_check/own_layer/refusals.py",
        "if norm.m <= 2:",
        "if norm.m <= 1:",
        REFUSALS + "test_the_reason_is_given_in_one_line",
    ),
    (
        "compare dy without its groups",
        "gradient_check/own_layer/refusals.py",
        "np.ptp(upstream, axis=norm.axes).max()",
        "np.ptp(upstream)",
        REFUSALS + "test_dy_that_differs_between_channels_alone_is_uniform_in_every_group",
    ),
    (
        "let the state of one call leak into the next",
        "gradient_check/own_layer/call.py",
        "[a if is_tensor(a) else copy.deepcopy(a) for a in self.arguments]",
        "list(self.arguments)",
        TESTS + "test_call.py::test_arguments_are_copies_so_that_state_does_not_leak",
    ),
    (
        "take a right gradient in a wrong shape for right when the cache is reordered",
        "gradient_check/own_layer/gradients.py",
        "if gradient is None or to_numpy(gradient).shape != to_numpy(x).shape:",
        "if gradient is None:",
        TESTS + "test_gradients.py::test_the_order_of_the_cache_is_found_only_where_it_helps",
    ),
    (
        "name a mistake although there is a template",
        "gradient_check/own_layer/file.py",
        'hints_only=getattr(module, "TEMPLATE", False)',
        "hints_only=False",
        FILES + "test_a_wrong_template_is_answered_with_a_hint_not_the_solution",
    ),
    (
        "take one-sided differences along directions",
        "gradient_check/own_layer/oracles.py",
        "errors = np.abs(sides.mean(1) / steps - expected)",
        "errors = np.abs(sides[:, 0] / steps - expected)",
        ORACLES + "test_a_right_gradient_converges_with_order_2_and_a_wrong_one_not_at_all",
    ),
    (
        "take every variance for the biased one",
        "gradient_check/own_layer/normalization.py",
        "product((0, 1), every_axes, epsilons)",
        "product((0,), every_axes, epsilons)",
        NAMES + "test_the_mistake_of_a_student_is_named",
    ),
    (
        "change the state of the caller while looking for changes",
        "gradient_check/own_layer/refusals.py",
        "given = layer.copies()",
        "given = list(layer.arguments)",
        REFUSALS + "test_the_arguments_of_the_caller_stay_as_they_are",
    ),
    (
        "ask a class for its gradients after it has seen other arguments",
        "gradient_check/own_layer/check.py",
        "    y, cache = layer.run()  # a class keeps the cache of the last call to itself\n",
        "    y, cache = layer.run()\n    layer.output(layer.checked[0], 2 * _arrays(layer)[0])\n",
        TESTS + "test_call.py::test_the_methods_of_a_class_are_called_with_dy_alone",
    ),
    (
        "compare what a second call has written over",
        "gradient_check/own_layer/gradients.py",
        "        return result.copy()\n",
        "        return result\n",
        TESTS + "test_call.py::test_a_gradient_that_is_written_into_again_is_the_first_one",
    ),
    (
        "let an integer's gradient go unchecked",
        "gradient_check/own_layer/gradients.py",
        "        _refuse_gradients_of_integers(returned, layer)\n",
        "",
        TESTS
        + "test_gradients.py::test_a_gradient_of_integers_is_refused_because_nobody_checks_it",
    ),
    (
        "let insisting pass what nobody compared",
        "gradient_check/own_layer/row.py",
        "given.insist and right.size",
        "given.insist",
        TESTS + "test_refusals.py::test_insisting_does_not_make_right_what_was_not_compared",
    ),
    (
        "see a normalization in a constant",
        "gradient_check/own_layer/normalization.py",
        "        if np.abs(x_hat).max() < SAME:",
        "        if np.abs(x_hat).max() < 0:",
        TESTS
        + "test_normalization.py::test_a_constant_x_does_not_make_a_normalization_of_anything",
    ),
    (
        "blame float32 on dropped imaginary parts",
        "gradient_check/own_layer/check.py",
        " and a.dtype == np.float64]",
        "]",
        TESTS + "test_refusals.py::test_in_float32_nothing_is_said_of_imaginary_parts",
    ),
    (
        "blame the cache for an order of the gradients",
        "gradient_check/own_layer/check.py",
        "    if any(OTHER_ORDER not in row.mistake for row in failed) and (",
        "    if failed and (",
        TESTS + "test_names.py::test_the_mistake_of_a_student_is_named",
    ),
    (
        "find a name for rounding",
        "gradient_check/own_layer/names.py",
        "(_rounding, _terms",
        "(_terms",
        TESTS + "test_names.py::test_the_mistake_of_a_student_is_named",
    ),
    (
        "print a file's output among the JSON",
        "gradient_check/own_layer/file.py",
        "sys.stdout if as_text else sys.stderr",
        "sys.stdout",
        TESTS + "test_file.py::test_what_a_file_prints_is_not_mixed_with_json",
    ),
]
