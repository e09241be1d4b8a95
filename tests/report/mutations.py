"""Mistakes in the report that a test must notice."""

ESTIMATES = "tests/report/test_estimates.py::"
MEASURES = "tests/report/test_measures.py::"
CLAIMS = "tests/report/test_claims.py::"
VERDICTS = "tests/report/test_verdicts.py::"

MUTATIONS = [
    (
        "divide the pooled squares by the number of runs",
        "report/estimates.py",
        "math.sqrt(squares / freedom) if freedom",
        "math.sqrt(squares / sum(map(len, pooled))) if freedom",
        ESTIMATES + "test_a_contrast_pooled_over_all_arms_equals_least_squares",
    ),
    (
        "take the deviation about the common mean",
        "report/estimates.py",
        "((arm - arm.mean()) ** 2).sum()",
        "((arm - np.concatenate(pooled).mean()) ** 2).sum()",
        ESTIMATES + "test_a_difference_of_two_arms_equals_students_test",
    ),
    (
        "give a one-sided quantile",
        "report/estimates.py",
        "t.ppf((1 + LEVEL) / 2, freedom)",
        "t.ppf(LEVEL, freedom)",
        ESTIMATES + "test_a_mean_equals_students_test_of_one_sample",
    ),
    (
        "ask for one seed too few",
        "report/estimates.py",
        "    return high\n",
        "    return low\n",
        ESTIMATES + "test_the_number_of_seeds_is_the_smallest_that_excludes_the_threshold",
    ),
    (
        "average the late epochs from 16 on",
        "report/measures.py",
        "[FIRST - 1 : LAST]",
        "[FIRST - 2 : LAST]",
        MEASURES + "test_each_measure_of_known_curves",
    ),
    (
        "count epochs from 0",
        "report/measures.py",
        "return i + float(",
        "return i - 1 + float(",
        MEASURES + "test_epochs_until_a_cost_are_interpolated",
    ),
    (
        "let a small negative bound pass as an effect",
        "report/verdicts.py",
        "estimate.low > 0 or estimate.high < 0",
        "estimate.low > -SMALL or estimate.high < 0",
        VERDICTS + "test_a_question_for_an_effect",
    ),
    (
        "judge a cost by the rule of accuracies",
        "report/verdicts.py",
        "small = accuracy and ",
        "small = ",
        VERDICTS + "test_a_claim_that_something_is_above_zero",
    ),
    (
        "judge single seeds",
        "report/claims.py",
        "    if fewest < SEEDS:\n        return verdict\n",
        "",
        CLAIMS + "test_too_few_seeds_are_described_and_not_judged",
    ),
    (
        "compare gaps of networks that have not fitted their training set",
        "report/claims.py",
        "min(known) < MEMORIZED",
        "min(known) < 0",
        CLAIMS + "test_the_gap_is_compared_only_of_networks_that_fit_the_training_set",
    ),
    (
        "take the interaction for the effect of AMSGrad",
        "report/claims.py",
        'AMSGRAD = {"a": -0.5, "b": -0.5,',
        'AMSGRAD = {"a": 0.5, "b": -0.5,',
        CLAIMS + "test_the_effects_of_a_two_by_two_design",
    ),
    (
        "pool a diverged arm",
        "report/claims.py",
        " and all(map(math.isfinite, values[arm]))",
        "",
        CLAIMS + "test_the_gap_is_compared_only_of_networks_that_fit_the_training_set",
    ),
    (
        "compare runs that differ in more than their arm",
        "report/arms.py",
        "if affects_results(key) and key not in _FREE",
        'if key == "data.name"',
        "tests/report/test_arms.py::test_what_differs_beside_the_arm_makes_another_design",
    ),
    (
        "count a seed twice",
        "report/runs.py",
        "        _refuse_the_same_seed_twice(group)\n",
        "        pass\n",
        "tests/report/test_runs.py::test_a_seed_counts_once",
    ),
    (
        "count runs that have not finished",
        "report/runs.py",
        "[log for log in logs if log.result is not None]",
        "logs",
        "tests/report/test_runs.py::test_an_unfinished_run_counts_nowhere",
    ),
    (
        "report the best epoch",
        "report/tables.py",
        "float(log.metrics[name][-1])",
        "float(max(log.metrics[name]))",
        "tests/report/test_tables.py::test_results_are_means_and_deviations_of_the_last_epoch",
    ),
    (
        "renew the first table of a page alone",
        "report/pages.py",
        "    for mark in marks:\n",
        "    for mark in marks[:1]:\n",
        "tests/report/test_pages.py::test_each_table_is_made_of_the_runs_that_its_mark_names",
    ),
    (
        "exchange the optimizers in the picture",
        "report/figure.py",
        '"Adam": ("a", "b",',
        '"Adam": ("d", "c",',
        "tests/report/test_figure.py::test_the_two_by_two_shows_means_intervals_and_seeds",
    ),
]
