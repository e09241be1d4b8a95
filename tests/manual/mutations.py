"""Mistakes in `manual/`, each with the test that must notice it; see tests/mutations.py.

(mistake, file below src/bnstudy, what is there exactly once, what replaces it, test)
"""

BATCH_NORM = "manual/batch_norm.py"
BATCH_NORM_TEST = "tests/manual/test_batch_norm.py::"
BATCH_NORM_GRADIENTS = BATCH_NORM_TEST + "test_forward_and_backward"
CONV = "manual/conv2d.py"
CONV_TEST = "tests/manual/test_conv2d.py::"
POOLING = "manual/pooling.py"
POOLING_TEST = "tests/manual/test_pooling.py::"
COST = "manual/softmax_cross_entropy.py"
COST_TEST = "tests/manual/test_softmax_cross_entropy.py::"
ADAM_TEST = "tests/manual/test_adam.py::"
AMSGRAD_TEST = "tests/manual/test_amsgrad.py::"
AS_POSTED = "manual/as_posted.py"
AS_POSTED_TEST = "tests/manual/test_as_posted.py::"
CHECKS = "manual/checks.py"
ARGUMENT_CHECKS = "tests/manual/test_argument_checks.py::"

RENORM = "manual/renorm.py"
RENORM_TEST = "tests/manual/test_renorm.py::"
NOISE = "manual/noise.py"
NOISE_TEST = "tests/manual/test_noise.py::"

REPLICAS_TEST = "tests/manual/test_replicas.py::"

MUTATIONS = [
    # --- several devices ---
    (
        "couple the images of one replica alone by the mean",
        "manual/batch_norm.py",
        "m, sum_dy, sum_dy_x_hat = reduce(group_size(x, shape), sum_dy, sum_dy_x_hat)",
        "m, _, sum_dy_x_hat = reduce(group_size(x, shape), sum_dy, sum_dy_x_hat)",
        REPLICAS_TEST + "test_the_backward_pass_of_replicas_agrees_with_automatic_differentiation",
    ),
    (
        "couple the images of one replica alone by the variance",
        "manual/batch_norm.py",
        "m, sum_dy, sum_dy_x_hat = reduce(group_size(x, shape), sum_dy, sum_dy_x_hat)",
        "m, sum_dy, _ = reduce(group_size(x, shape), sum_dy, sum_dy_x_hat)",
        REPLICAS_TEST + "test_the_backward_pass_of_replicas_agrees_with_automatic_differentiation",
    ),
    (
        "divide the totals by the images of one replica",
        "manual/batch_norm.py",
        "m, sum_dy, sum_dy_x_hat = reduce(group_size(x, shape), sum_dy, sum_dy_x_hat)",
        "m, (_, sum_dy, sum_dy_x_hat) = group_size(x, shape) + 1, reduce(group_size(x, shape), sum_dy, sum_dy_x_hat)",
        REPLICAS_TEST + "test_the_backward_pass_of_replicas_agrees_with_automatic_differentiation",
    ),
    (
        "return the total gradient of gamma from every replica",
        "manual/batch_norm.py",
        "dgamma = sum_over_groups(sum_dy_x_hat, cache.gamma)",
        "dgamma = sum_over_groups(reduce(sum_dy_x_hat)[0], cache.gamma)",
        REPLICAS_TEST + "test_a_replica_alone_returns_its_share_of_the_gradients_of_gamma_and_beta",
    ),
    (
        "take the variance of one replica",
        BATCH_NORM,
        "(squares,) = reduce(sum_to(tf.square(centered), shape))",
        "squares = reduce(sum_to(tf.square(centered), shape))[0] * 0 + sum_to(tf.square(centered), shape)",
        REPLICAS_TEST + "test_replicas_together_are_one_big_batch",
    ),
    (
        "couple the images of one replica alone in the backward pass",
        BATCH_NORM,
        "m, sum_dy, sum_dy_x_hat = reduce(group_size(x, shape), sum_dy, sum_dy_x_hat)",
        "m, _, _ = reduce(group_size(x, shape), sum_dy, sum_dy_x_hat)",
        REPLICAS_TEST + "test_the_backward_pass_of_replicas_agrees_with_automatic_differentiation",
    ),
    (
        "return the total gradient of beta from every replica",
        BATCH_NORM,
        "dbeta = sum_over_groups(sum_dy, cache.gamma)",
        "dbeta = sum_over_groups(reduce(sum_dy)[0], cache.gamma)",
        REPLICAS_TEST + "test_a_replica_alone_returns_its_share_of_the_gradients_of_gamma_and_beta",
    ),
    (
        "take the mean over the replicas' own counts",
        BATCH_NORM,
        "mean = total / m  # (10)",
        "mean = total / group_size(x_full, shape) / 2  # (10)",
        REPLICAS_TEST + "test_replicas_together_are_one_big_batch",
    ),
    (
        "normalize what is empty on every device",
        CHECKS,
        "if _known(count) == 0:",
        "if False:",
        REPLICAS_TEST + "test_a_batch_is_refused_where_all_replicas_together_are_empty",
    ),
    # --- relatives of batch norm ---
    (
        "divide a batch into ghost batches of neighbours",
        BATCH_NORM,
        "tf.reshape(x, [size, -1, *sizes_of(x)[1:]])",
        "tf.einsum('kv...->vk...', tf.reshape(x, [-1, size, *sizes_of(x)[1:]]))",
        BATCH_NORM_TEST + "test_ghost_batches_are_batch_norms_of_every_kth_image",
    ),
    (
        "differentiate r of renormalization",
        RENORM,
        "r = tf.stop_gradient(",
        "r = tf.identity(",
        RENORM_TEST + "test_forward_and_backward",
    ),
    (
        "differentiate d of renormalization",
        RENORM,
        "d = tf.stop_gradient(",
        "d = tf.identity(",
        RENORM_TEST + "test_forward_and_backward",
    ),
    (
        "forget r in dx",
        RENORM,
        "dx_hat = gamma * r * dy",
        "dx_hat = gamma * dy",
        RENORM_TEST + "test_forward_and_backward",
    ),
    (
        "forget d in dgamma",
        RENORM,
        "r * sum_dy_x_hat + d * sum_dy",
        "r * sum_dy_x_hat",
        RENORM_TEST + "test_forward_and_backward",
    ),
    (
        "clip r to 0 below, not to 1 / r_max",
        RENORM,
        "1 / r_max, r_max",
        "0.0, r_max",
        RENORM_TEST + "test_forward_and_backward",
    ),
    (
        "open the limits at 10 % of the steps",
        RENORM,
        "OPEN_FROM = 0.05, 0.20",
        "OPEN_FROM = 0.05, 0.10",
        RENORM_TEST + "test_the_limits_open_from_5_to_20_percent_of_the_steps",
    ),
    (
        "take the noise's sigma from 0.75",
        NOISE,
        "sigma = 1 + (LARGEST",
        "sigma = 0.75 + (LARGEST",
        NOISE_TEST + "test_the_noise_is_that_of_the_paper_in_numpy",
    ),
    # --- batch norm ---
    (
        "drop the mean term of dx",
        BATCH_NORM,
        "(dx_hat - mean_dx_hat - x_hat * mean_dx_hat_x_hat)",
        "(dx_hat - x_hat * mean_dx_hat_x_hat)",
        BATCH_NORM_GRADIENTS,
    ),
    (
        "drop the x-hat term of dx",
        BATCH_NORM,
        "(dx_hat - mean_dx_hat - x_hat * mean_dx_hat_x_hat)",
        "(dx_hat - mean_dx_hat)",
        BATCH_NORM_GRADIENTS,
    ),
    (
        "multiply by the standard deviation in dx",
        BATCH_NORM,
        "dx = r * (dx_hat - mean_dx_hat",
        "dx = 1 / r * (dx_hat - mean_dx_hat",
        BATCH_NORM_GRADIENTS,
    ),
    (
        "average dgamma instead of summing",
        BATCH_NORM,
        "dgamma = sum_over_groups(sum_dy_x_hat, cache.gamma)",
        "dgamma = sum_over_groups(sum_dy_x_hat / group_size(x, shape), cache.gamma)",
        BATCH_NORM_GRADIENTS,
    ),
    (
        "average dbeta instead of summing",
        BATCH_NORM,
        "dbeta = sum_over_groups(sum_dy, cache.gamma)",
        "dbeta = sum_over_groups(sum_dy / group_size(x, shape), cache.gamma)",
        BATCH_NORM_GRADIENTS,
    ),
    (
        "average dgamma over the groups that share it",
        "manual/sums.py",
        "shared = sum_to(sums, align(parameter, sums.shape).shape)",
        "shared = sum_to(sums, align(parameter, sums.shape).shape)"
        " * tf.cast(tf.size(parameter) / tf.size(sums), sums.dtype)",
        BATCH_NORM_TEST + "test_ghost_groups_are_batches_of_their_own",
    ),
    (
        "take one gamma of all groups for one of each",
        "manual/sums.py",
        " and others != last and not shared",
        " and others != last",
        BATCH_NORM_TEST + "test_a_gamma_of_length_1_is_shared_by_any_number_of_groups",
    ),
    (
        "lose a half of what is summed",
        "manual/sums.py",
        "x, halvings = half + other_half, halvings - 1",
        "x, halvings = half + half, halvings - 1",
        BATCH_NORM_GRADIENTS,
    ),
    (
        "divide the variance by m - 1",
        BATCH_NORM,
        "variance = squares / m ",
        "variance = squares / (m - 1) ",
        BATCH_NORM_GRADIENTS,
    ),
    (
        "take the variance as E[x^2] - E[x]^2",
        BATCH_NORM,
        "variance = squares / m ",
        "variance = sum_to(tf.square(x_full), shape) / m - tf.square(mean) ",
        BATCH_NORM_TEST + "test_large_means_do_not_spoil_the_variance",
    ),
    (
        "add up dgamma in bfloat16",
        BATCH_NORM,
        "sum_dy_x_hat = sum_to(dy * x_hat, shape)",
        "sum_dy_x_hat = tf.cast(sum_to(tf.cast(dy * x_hat, tf.bfloat16), shape), dy.dtype)",
        BATCH_NORM_TEST + "test_bfloat16_is_normalized_in_float32",
    ),
    (
        "in inference, differentiate the mean, which is a constant there",
        BATCH_NORM,
        "dx = r * dx_hat",
        "dx = r * (dx_hat - gamma * sum_dy / group_size(x, shape))",
        BATCH_NORM_TEST + "test_inference_forward_and_backward",
    ),
    (
        "in inference, forget the standard deviation in dx",
        BATCH_NORM,
        "dx = r * dx_hat",
        "dx = dx_hat",
        BATCH_NORM_TEST + "test_inference_forward_and_backward",
    ),
    (
        "swap the momentum convention",
        BATCH_NORM,
        "return momentum * moving + (1 - momentum) * batch",
        "return (1 - momentum) * moving + momentum * batch",
        BATCH_NORM_TEST + "test_momentum_weights_the_old_value",
    ),
    (
        "remove all of the initial value from a moving average",
        BATCH_NORM,
        "tf.cast(left * initial, moving.dtype)",
        "tf.cast(initial, moving.dtype)",
        BATCH_NORM_TEST + "test_debias_gives_the_weighted_mean_of_the_batches",
    ),
    (
        "correct a moving average without rescaling it",
        BATCH_NORM,
        "tf.where(updates > 0, 1 - left, 1)",
        "tf.where(updates > 0, 1 - 0 * left, 1)",
        BATCH_NORM_TEST + "test_debias_gives_the_weighted_mean_of_the_batches",
    ),
    (
        "correct a moving average that was never updated",
        BATCH_NORM,
        "return tf.where(updates > 0, corrected, moving)",
        "return corrected + 0 * moving",
        BATCH_NORM_TEST + "test_debias_before_the_first_step_changes_nothing",
    ),
    (
        "round 1 - momentum^t to float32",
        BATCH_NORM,
        "momentum ** tf.cast(updates, tf.float64)",
        "momentum ** tf.cast(updates, moving.dtype)",
        BATCH_NORM_TEST + "test_debias_keeps_the_precision_of_float32",
    ),
    # --- convolution ---
    (
        "turn the kernels of dx the wrong way",
        CONV,
        "filter=w, out_backprop=dy",
        "filter=w[::-1, ::-1], out_backprop=dy",
        CONV_TEST + "test_forward_and_backward",
    ),
    (
        "cut the margins of dx off at the wrong ends",
        CONV,
        "dx[:, top : height - bottom, left : width - right, :]",
        "dx[:, bottom : height - top, right : width - left, :]",
        CONV_TEST + "test_forward_and_backward",
    ),
    (
        "turn the kernels of the plain convolution",
        CONV,
        "_window(x_padded, a, b, x) @ w[a, b]",
        "_window(x_padded, a, b, x) @ w[-1 - a, -1 - b]",
        CONV_TEST + "test_the_plain_convolution_equals_the_fast_one",
    ),
    (
        "forget to turn the kernels in the plain dx",
        CONV,
        "_window(dy_padded, *turned, dy)",
        "_window(dy_padded, a, b, dy)",
        CONV_TEST + "test_the_plain_convolution_equals_the_fast_one",
    ),
    (
        "pad the plain dy as x is padded, which even kernels notice",
        CONV,
        "_pad(dy, after, before)",
        "_pad(dy, before, after)",
        CONV_TEST + "test_the_plain_convolution_equals_the_fast_one",
    ),
    # --- ELU and pooling ---
    (
        "ELU' = 2 for positive inputs",
        "manual/elu.py",
        "upcast(dy) * (tf.minimum(y, 0) + 1)",
        "upcast(dy) * tf.where(y > 0, 2 * tf.ones_like(y), y + 1)",
        "tests/manual/test_elu.py::test_the_slope_is_one_for_positive_inputs",
    ),
    (
        "compute ELU in bfloat16",
        "manual/elu.py",
        "tf.nn.elu(upcast(x))",
        "tf.exp(tf.minimum(x, 0)) - 1 + tf.maximum(x, 0)",
        "tests/manual/test_elu.py::test_bfloat16_is_computed_in_float32",
    ),
    (
        "share the gradient of a pool by its side, not its area",
        POOLING,
        "repeat(dy / k**2, k)",
        "repeat(dy / k, k)",
        POOLING_TEST + "test_average_pooling",
    ),
    (
        "add up a block instead of averaging it",
        POOLING,
        "tf.add_n(pixels) / size**2",
        "tf.add_n(pixels)",
        POOLING_TEST + "test_average_pooling",
    ),
    (
        "share the gradient of a global pool by the height of the image alone",
        POOLING,
        "tf.cast(cache[1] * cache[2], upcast(dy).dtype)",
        "tf.cast(cache[1], upcast(dy).dtype)",
        POOLING_TEST + "test_global_average_pooling",
    ),
    (
        "add up an image instead of averaging it",
        POOLING,
        "tf.reduce_mean(upcast(x), axis=(1, 2))",
        "tf.reduce_sum(upcast(x), axis=(1, 2))",
        POOLING_TEST + "test_global_average_pooling",
    ),
    # --- the cost and the network ---
    (
        "forget the 1/N of the loss",
        COST,
        "(p - onehot) / count",
        "(p - onehot)",
        COST_TEST + "test_forward_and_backward",
    ),
    (
        "forget the derivative that comes from above",
        COST,
        "return dcost * (p - onehot)",
        "return (p - onehot)",
        COST_TEST + "test_forward_and_backward",
    ),
    (
        "take the logarithm of a probability that underflows",
        COST,
        "logits - tf.reduce_logsumexp(logits, axis=1, keepdims=True)",
        "tf.math.log(tf.nn.softmax(logits))",
        COST_TEST + "test_large_logits_neither_overflow_nor_lose_the_gradient",
    ),
    (
        "list the gradients of the parameters from the last layer to the first",
        "manual/network.py",
        "dlayer + dparameters",
        "dparameters + dlayer",
        "tests/manual/test_network.py::test_backward_is_the_chain_rule_over_the_reversed_layers",
    ),
    (
        "walk back through the layers from the first to the last",
        "manual/network.py",
        "zip(reversed(layers), reversed(caches), strict=True)",
        "zip(layers, caches, strict=True)",
        "tests/manual/test_network.py::test_backward_is_the_chain_rule_over_the_reversed_layers",
    ),
    # --- optimizers ---
    (
        "damp the gradient by 1 - momentum",
        "manual/sgd.py",
        "momentum * state.velocity - learning_rate * dw",
        "momentum * state.velocity - (1 - momentum) * learning_rate * dw",
        "tests/manual/test_sgd.py::test_momentum_steps_by_hand",
    ),
    (
        "forget the velocity",
        "manual/sgd.py",
        "State(velocity)",
        "State(0 * velocity)",
        "tests/manual/test_sgd.py::test_momentum_steps_by_hand",
    ),
    (
        "drop Adam's bias correction",
        "manual/adam.py",
        "(m / correction_1) / (tf.sqrt(v / correction_2) + epsilon)",
        "m / (tf.sqrt(v) + epsilon)",
        ADAM_TEST + "test_steps_by_hand",
    ),
    (
        "put Adam's epsilon inside the root",
        "manual/adam.py",
        "(tf.sqrt(v / correction_2) + epsilon)",
        "tf.sqrt(v / correction_2 + epsilon**2)",
        ADAM_TEST + "test_steps_by_hand",
    ),
    (
        "add Keras's epsilon after the correction",
        "manual/adam.py",
        "tf.sqrt(correction_2) / correction_1 * m / (tf.sqrt(v) + epsilon)",
        "m / correction_1 / (tf.sqrt(v / correction_2) + epsilon)",
        ADAM_TEST + "test_keras_equals_keras",
    ),
    (
        "average the size of the gradient, not its square",
        "manual/adam.py",
        "(1 - beta_2) * dw**2",
        "(1 - beta_2) * tf.abs(dw)",
        ADAM_TEST + "test_the_state_holds_the_moments",
    ),
    (
        "forget to count Adam's steps",
        "manual/adam.py",
        "return state.step + 1, m, v",
        "return tf.maximum(state.step, 1), m, v",
        ADAM_TEST + "test_the_state_holds_the_moments",
    ),
    (
        "round the bias correction to float32",
        "manual/adam.py",
        "t = tf.cast(step, tf.float64)",
        "t = tf.cast(step, tf.float32)",
        ADAM_TEST + "test_the_corrections_are_exact_in_any_precision",
    ),
    (
        "drop the maximum of AMSGrad's variant paper",
        "manual/amsgrad.py",
        'if variant == "paper":\n        v_max = tf.maximum(state.v_max, v)',
        'if variant == "paper":\n        v_max = v',
        AMSGRAD_TEST + "test_steps_by_hand",
    ),
    (
        "drop the maximum of AMSGrad's variant keras",
        "manual/amsgrad.py",
        'elif variant == "keras":\n        v_max = tf.maximum(state.v_max, v)',
        'elif variant == "keras":\n        v_max = v',
        AMSGRAD_TEST + "test_keras_equals_keras",
    ),
    (
        "drop the bias correction of AMSGrad's variant keras",
        "manual/amsgrad.py",
        "tf.sqrt(c_2) / c_1 * m",
        "m",
        AMSGRAD_TEST + "test_keras_equals_keras",
    ),
    (
        "take optax's maximum before the correction",
        "manual/amsgrad.py",
        "tf.maximum(state.v_max, v / c_2)",
        "tf.maximum(state.v_max, v) / c_2",
        AMSGRAD_TEST + "test_equals_optax",
    ),
    (
        "take the maximum as posted element by element",
        "manual/amsgrad.py",
        "grown = tf.reduce_sum(v) > tf.reduce_sum(state.v_max)",
        "grown = v > state.v_max",
        AMSGRAD_TEST + "test_steps_by_hand",
    ),
    (
        "keep the maximum in place of v",
        "manual/amsgrad.py",
        "State(step, m, v, v_max)",
        "State(step, m, v_max, v_max)",
        AMSGRAD_TEST + "test_the_state_keeps_v_and_its_maximum_apart",
    ),
    # --- as posted ---
    (
        "mend the author's slope of ELU",
        AS_POSTED,
        "2 * tf.ones_like(y)",
        "tf.ones_like(y)",
        AS_POSTED_TEST + "test_the_slope_of_elu_is_two_for_positive_inputs",
    ),
    (
        "mend the author's gradient of a pool",
        AS_POSTED,
        "pooling.repeat(dy, k)",
        "pooling.repeat(dy / k**2, k)",
        AS_POSTED_TEST + "test_a_pool_repeats_its_gradient",
    ),
    (
        "mend the author's gradient of the global pool",
        AS_POSTED,
        "tf.broadcast_to(pooling.global_checked_dy(dy, cache)[:, None, None, :], cache)",
        "pooling.global_average_backward(dy, cache)",
        AS_POSTED_TEST + "test_the_global_pool_repeats_its_gradient",
    ),
    (
        "mend the author's gradient of the cost",
        AS_POSTED,
        "return dcost * (p - tf.one_hot(labels, tf.shape(p)[1], dtype=p.dtype))",
        "return softmax_cross_entropy.backward(dcost, cache)",
        AS_POSTED_TEST + "test_the_gradient_of_the_cost_is_not_divided_by_the_batch",
    ),
    # --- argument checks ---
    (
        "let in a gradient that broadcasts",
        CHECKS,
        'shape_of(name, tensor, other.shape, f"the shape of {other_name}")',
        "pass",
        ARGUMENT_CHECKS + "test_optimizers_and_networks_refuse_what_does_not_fit",
    ),
    (
        "let in NaN as a hyperparameter",
        CHECKS,
        "not low <= known < min(",
        "known < low or known >= min(",
        ARGUMENT_CHECKS + "test_optimizers_and_networks_refuse_what_does_not_fit",
    ),
    (
        "let in half precision where an optimizer would lose it",
        CHECKS,
        'w = as_tensor("w", w, FULL)',
        'w = as_tensor("w", w)',
        ARGUMENT_CHECKS + "test_optimizers_and_networks_refuse_what_does_not_fit",
    ),
    (
        "let in the state of another optimizer",
        CHECKS,
        "if fields != kind._fields:",
        "if not fields:",
        ARGUMENT_CHECKS + "test_optimizers_and_networks_refuse_what_does_not_fit",
    ),
    (
        "take an axis that x does not have modulo the number of axes",
        CHECKS,
        "if number is None or not -rank <= number < rank:",
        "if number is None:",
        ARGUMENT_CHECKS + "test_batch_norm_refuses_what_does_not_fit",
    ),
    (
        "reshape moving statistics of another shape",
        CHECKS,
        'shape_of(name, tensor, _without_axes(x, axes), "one number for each group of x")',
        "tensor = tf.reshape(tensor, _without_axes(x, axes))",
        ARGUMENT_CHECKS + "test_batch_norm_refuses_what_does_not_fit",
    ),
    (
        "let in an empty batch",
        CHECKS,
        "if 0 in tensor.shape:",
        "if False:",
        ARGUMENT_CHECKS + "test_batch_norm_refuses_what_does_not_fit",
    ),
    (
        "leave the shape of a convolution's dy to TensorFlow",
        CONV,
        'checks.shape_of("dy", dy, _shape_of_y(cache), "the shape of y")',
        "_shape_of_y(cache)",
        ARGUMENT_CHECKS + "test_convolution_refuses_what_does_not_fit",
    ),
    (
        "let in blocks that do not fill the image",
        POOLING,
        "side == 0 or side % size",
        "side == 0",
        ARGUMENT_CHECKS + "test_elu_and_pooling_refuse_what_does_not_fit",
    ),
    (
        "let in negative labels",
        COST,
        "if low < 0 or high >= classes:",
        "if high >= classes:",
        ARGUMENT_CHECKS + "test_the_cost_refuses_what_does_not_fit",
    ),
]
