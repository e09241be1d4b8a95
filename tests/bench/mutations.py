"""Mistakes in the benchmark that a test must notice."""

MEASURE = "tests/bench/test_measure.py::"
TABLES = "tests/bench/test_tables.py::"

MUTATIONS = [
    (
        "compare the medians of all rounds instead of round with round",
        "bench/measure.py",
        "of.median(of_part, n) / self.median(part, n)",
        "of.median(of_part) / self.median(part)",
        MEASURE + "test_ratios_are_taken_within_a_round",
    ),
    (
        "always start with the same contender",
        "bench/measure.py",
        "order if number % 2 == 0 else reversed(order)",
        "order",
        MEASURE + "test_contenders_take_turns_and_every_second_round_is_in_reverse",
    ),
    (
        "forget that an augmented batch holds two copies of each image",
        "bench/measure.py",
        "batch_size // unlimited.data.copies",
        "batch_size",
        MEASURE + "test_the_training_set_has_as_many_batches_as_a_round_has_steps",
    ),
    (
        "count the gradient of the first layer's images",
        "bench/cases.py",
        "3 * sum(forward) - forward[0]",
        "3 * sum(forward)",
        "tests/bench/test_cases.py::test_the_operations_are_counted_as_by_hand",
    ),
    (
        "time the steps whose batches were prefetched",
        "bench/cases.py",
        "pairwise(ends)][WARMUP_STEPS - 1 :]",
        "pairwise(ends)]",
        "tests/bench/test_cases.py::test_the_first_step_and_those_with_prefetched_batches_do_not_count",
    ),
    (
        "count a whole checkpoint at every step",
        "bench/cases.py",
        "save * step / every",
        "save",
        "tests/bench/test_cases.py::test_an_epoch_costs_its_steps_its_test_and_its_share_of_the_checkpoints",
    ),
    (
        "turn the ratios of speeds upside down",
        "bench/tables.py",
        'mine.ratio("training", other, "training")',
        'other.ratio("training", mine, "training")',
        TABLES + "test_the_last_of_our_cases_is_compared_with_all_others",
    ),
    (
        "compare bfloat16 with bfloat16 alone",
        "bench/tables.py",
        'other.precision in (mine.precision, "float32")',
        "other.precision == mine.precision",
        TABLES + "test_a_comparison_is_with_the_same_precision_or_with_float32",
    ),
    (
        "count the forward pass in the backward pass",
        "bench/tables.py",
        '(median("gradients") - median("forward"))',
        'median("gradients")',
        TABLES + "test_results_come_from_times_as_documented",
    ),
    (
        "leave out the ELU in plain TensorFlow",
        "bench/peers/plain_tensorflow.py",
        'x = tf.nn.elu(tf.nn.conv2d(x, w, 1, "SAME"))',
        'x = tf.nn.conv2d(x, w, 1, "SAME")',
        "tests/bench/peers/test_plain_tensorflow.py::test_it_trains_the_network_of_case_b",
    ),
    (
        "let TensorFlow leave out all repetitions but the last",
        "bench/convolutions.py",
        "return [y[0, 0, 0, 0] for y in results]",
        "return [results[-1][0, 0, 0, 0]]",
        "tests/bench/test_convolutions.py::test_tensorflow_leaves_none_of_the_repetitions_out",
    ),
    (
        "compare the convolutions of PyTorch with themselves",
        "bench/tables.py",
        '"ratio": ours.ratio(part, theirs, part)',
        '"ratio": theirs.ratio(part, theirs, part)',
        "tests/bench/test_tables.py::test_convolutions_are_compared_one_by_one_and_as_their_sum",
    ),
    (
        "take a benchmark of convolutions for one of training steps",
        "report/runs.py",
        '{"name", "precision"} <= set(row)',
        '{"precision"} <= set(row)',
        "tests/report/test_runs.py::test_what_holds_no_run_is_refused_in_one_line",
    ),
]
