"""Mistakes in `model/` and in a run's optimizer, each with the test that must notice it.

(mistake, file below src/bnstudy, what is there exactly once, what replaces it, test)
"""

ALL_CNN = "model/all_cnn.py"
ALL_CNN_TEST = "tests/model/test_all_cnn.py::"
BATCH_NORM = "model/batch_norm.py"
BATCH_NORM_TEST = "tests/model/test_batch_norm.py::"
FUSION_TEST = "tests/model/test_fusion.py::"
LAYERS = "model/layers.py"
LAYERS_TEST = "tests/model/test_layers.py::"
STATISTICS = BATCH_NORM_TEST + "test_training_uses_the_batch_and_inference_what_is_remembered"
TRAIN = "lambda: self._forward_training(x, context),"
INFER = "lambda: self._forward_inference(x),"
CONTEXT = "tests/runner/test_steps.py::test_every_layer_sees_the_runs_seed_and_the_step"
OPTIMIZERS = "runner/optimizers.py"
OPTIMIZERS_TEST = "tests/runner/test_optimizers.py::"

RENORM = "model/batch_renorm.py"
RENORM_TEST = "tests/model/test_batch_renorm.py::"
NOISE = "model/noise.py"
NOISE_TEST = "tests/model/test_noise.py::"
LEGACY = "tests/model/test_legacy_batch_norm.py::test_the_relatives_equal_the_function_of_the_post"

MUTATIONS = [
    (
        "differentiate automatically in training mode whatever is asked for",
        "model/gradients.py",
        "logits, _ = model.forward(images, training=training",
        "logits, _ = model.forward(images, training=True",
        "tests/model/test_gradients.py::test_the_gradient_is_that_of_the_weighted_cost_in_the_mode_that_was_asked_for[autodiff-False]",
    ),
    (
        "forget the weight of the images by hand",
        "model/gradients.py",
        "1.0 if dcost is None else dcost",
        "1.0",
        "tests/model/test_gradients.py::test_the_gradient_is_that_of_the_weighted_cost_in_the_mode_that_was_asked_for[manual-True]",
    ),
    (
        "compile a sum over devices",
        "model/fusion.py",
        "return isinstance(layer, _FUSIBLE) and not isinstance(layer, SynchronizedBatchNorm)",
        "return isinstance(layer, _FUSIBLE)",
        "tests/model/test_synchronized.py::test_nothing_is_compiled_around_a_sum_over_devices",
    ),
    (
        "let Keras add up sums on one device",
        "model/all_cnn.py",
        'update={"synchronized": config.synchronizes()}',
        "update={}",
        "tests/model/test_synchronized.py::test_the_sums_are_added_up_where_there_are_several_devices",
    ),
    (
        "average one ghost batch alone",
        BATCH_NORM,
        "batch = tf.reduce_mean(batch, axis=1)",
        "batch = batch[:, 0]",
        LEGACY + "[ghost batches-channel-by hand]",
    ),
    (
        "average the standard deviation for inference with renorm_momentum",
        RENORM,
        'averages["moving_stddev"], cache.stddev, config.momentum',
        'averages["moving_stddev"], cache.stddev, config.renorm_momentum',
        LEGACY + "[renormalization-channel-by hand]",
    ),
    (
        "let renormalization begin without its schedule",
        RENORM,
        "limits(context.step, context.steps,",
        "limits(context.step, 0,",
        RENORM_TEST + "test_the_first_steps_are_batch_norm",
    ),
    (
        "give every layer the same noise",
        NOISE,
        "4 * self._number + which",
        "which",
        NOISE_TEST + "test_seed_step_and_layer_choose_the_noise_and_nothing_else_does",
    ),
    (
        "draw the noise in the precision of the layer",
        NOISE,
        'alg="philox")',
        'alg="philox", dtype=self._dtype)',
        NOISE_TEST + "test_all_precisions_see_the_same_noise",
    ),
    (
        "use the moving statistics in training",
        BATCH_NORM,
        TRAIN,
        "lambda: (self._forward_training(x, context), self._forward_inference(x))[1],",
        STATISTICS,
    ),
    (
        "update the moving statistics in inference",
        BATCH_NORM,
        INFER,
        "lambda: (self._forward_inference(x), self._forward_training(x, context))[0],",
        STATISTICS,
    ),
    (
        "forget to count the updates of the moving averages",
        BATCH_NORM,
        "self.updates.assign_add(1)",
        "self.updates.assign_add(0)",
        BATCH_NORM_TEST + "test_debias_makes_the_first_inference_exact",
    ),
    (
        "correct the moving variance as if it had started at 0",
        BATCH_NORM,
        "batch_norm.debias(variance, initial, momentum, self.updates)",
        "batch_norm.debias(variance, 0 * initial, momentum, self.updates)",
        BATCH_NORM_TEST + "test_debias_makes_the_first_inference_exact",
    ),
    (
        "leave a corrected variance below zero",
        BATCH_NORM,
        "variance = tf.maximum(variance, 0)",
        "variance = tf.identity(variance)",
        BATCH_NORM_TEST + "test_the_corrected_variance_of_a_constant_channel_is_not_negative",
    ),
    (
        "exchange the gradients of gamma and beta",
        BATCH_NORM,
        '{"gamma": dgamma, "beta": dbeta}',
        '{"gamma": dbeta, "beta": dgamma}',
        BATCH_NORM_TEST + "test_backward_equals_automatic_differentiation",
    ),
    (
        "differentiate a convolution at the weights of today",
        LAYERS,
        "w=for_convolution(cache.w)",
        "w=for_convolution(tf.cast(self.w.value(), cache.w.dtype))",
        LAYERS_TEST + "test_a_cache_of_a_convolution_holds_its_weights",
    ),
    (
        "average the logits in bfloat16",
        LAYERS,
        "pooling.global_average_forward(tf.cast(x, self.dtype))",
        "pooling.global_average_forward(x)",
        LAYERS_TEST + "test_the_logits_are_averaged_in_float32",
    ),
    (
        "use the right derivatives where the author's are asked for",
        ALL_CNN,
        'return AS_POSTED if config.training.gradients == "as_posted" else RIGHT',
        "return RIGHT",
        "tests/manual/test_as_posted.py::"
        "test_ten_steps_equal_a_transcription_of_what_the_author_did",
    ),
    (
        "double the gradients that are compiled",
        "model/fusion.py",
        "network.backward(self.layers, dy, cache)",
        "network.backward(self.layers, dy + dy, cache)",
        FUSION_TEST + "test_fused_layers_compute_what_they_compute_one_by_one",
    ),
    (
        "forget to fuse",
        "model/fusion.py",
        "result += [FusedLayers(neighbours)] if fusible else neighbours",
        "result += neighbours",
        FUSION_TEST + "test_layers_between_two_convolutions_are_fused",
    ),
    (
        "draw narrow networks as wide ones",
        ALL_CNN,
        "stddev /= math.sqrt(config.model.width)",
        "stddev /= 1",
        ALL_CNN_TEST + "test_initial_weights_keep_the_scale_of_the_signal_at_any_width",
    ),
    (
        "draw the same weights for every seed",
        ALL_CNN,
        "random_stream(config.seed, WEIGHTS, number)",
        "random_stream(0, WEIGHTS, number)",
        ALL_CNN_TEST + "test_a_seed_determines_the_initial_weights",
    ),
    (
        "draw the same weights for every layer",
        ALL_CNN,
        "random_stream(config.seed, WEIGHTS, number)",
        "random_stream(config.seed, WEIGHTS, 1)",
        ALL_CNN_TEST
        + "test_all_cases_start_from_the_same_weights_and_no_two_layers_from_the_same_numbers",
    ),
    (
        "assign what fits before refusing what does not",
        ALL_CNN,
        "if tuple(arrays[name].shape) != tuple(variable.shape):",
        "if variable.assign(arrays[name]) is None:",
        ALL_CNN_TEST + "test_assign_refuses_what_does_not_fit_and_then_changes_nothing",
    ),
    (
        "hide the step from the layers",
        ALL_CNN,
        "Context(training, self._seed, step, steps)",
        "Context(training, self._seed, steps=steps)",
        CONTEXT,
    ),
    (
        "hide the seed from the layers",
        ALL_CNN,
        "Context(training, self._seed, step, steps)",
        "Context(training, step=step, steps=steps)",
        CONTEXT,
    ),
    (
        "forget the optimizer's state from step to step",
        OPTIMIZERS,
        "old.assign(new)",
        "old.assign(old)",
        OPTIMIZERS_TEST + "test_equals_the_pure_update",
    ),
    (
        "let the learning rate fall faster",
        OPTIMIZERS,
        "(1 + config.decay * epoch)",
        "(1 + config.decay) ** epoch",
        OPTIMIZERS_TEST + "test_the_rate_of_each_epoch",
    ),
]
