"""Mistakes that the tests of the questions must notice; see tests/mutations.py.

(mistake, file below src/bnstudy, what is there exactly once, what replaces it, test)
"""

ANSWER = "tests/questions/test_answer.py"
KEPT = "tests/questions/test_kept.py"
AVERAGES = "tests/analysis/test_moving_averages.py"

MUTATIONS = [
    (
        "write beside published runs unasked",
        "questions/kept.py",
        "path = (elsewhere or run_folder) / name",
        "path = run_folder / name",
        f"{ANSWER}::test_published_runs_answer_without_training_and_stay_as_they_are",
    ),
    (
        "keep an evaluation whatever it was made by",
        "questions/kept.py",
        'if content.get("made_by") != made_by:',
        "if not content:",
        f"{KEPT}::test_other_arguments_and_another_result_are_evaluated_anew",
    ),
    (
        "read an evaluation that was changed by hand",
        "questions/kept.py",
        'if content.get("digest") != _digest(found):',
        "if False:",
        f"{KEPT}::test_a_file_that_was_changed_is_refused_and_stays",
    ),
    (
        "count the evaluation of an older result",
        "questions/kept.py",
        'made_by.get("run") == result_digest(run_folder)',
        '"run" in made_by',
        f"{KEPT}::test_an_evaluation_of_an_older_result_is_not_kept",
    ),
    (
        "use published runs of any seed and configuration",
        "questions/sources.py",
        "if affects_results(key)])",
        'if key == "case"])',
        f"{ANSWER}::test_runs_of_another_configuration_or_seed_do_not_count",
    ),
    (
        "count a folder that is there as a finished run",
        "questions/sources.py",
        "if folder is None or finished_result(folder, run.config) is None:",
        "if folder is None or not folder.is_dir():",
        "tests/questions/test_sources.py::test_an_own_folder_of_another_configuration_does_not_count",
    ),
    (
        "count a run that nothing can be measured on any more",
        "questions/sources.py",
        "if own or has_network(folder) or all(is_kept(folder, name) for name in kept):",
        "if True:",
        "tests/questions/test_sources.py::test_a_run_that_can_no_longer_be_evaluated_does_not_count",
    ),
    (
        "of two runs alike, take the last by name",
        "questions/sources.py",
        "finished.sort(key=lambda log: has_network(log.folder))",
        "finished.sort(key=lambda log: log.folder)",
        "tests/questions/test_sources.py::test_of_two_alike_the_one_with_a_network_counts",
    ),
    (
        "look for benchmarks where nobody said",
        "questions/answer.py",
        "place = options.published or PUBLISHED",
        "place = PUBLISHED",
        f"{ANSWER}::test_benchmarks_are_looked_for_where_the_published_runs_are",
    ),
    (
        "fresh uses published runs",
        "questions/answer.py",
        "published = {} if options.fresh else published_runs(options.published)",
        "published = published_runs(options.published)",
        f"{ANSWER}::test_fresh_trains_all_and_keeps_aside_only_what_was_complete",
    ),
    (
        "a point in test accuracy counts everywhere",
        "questions/claims.py",
        "above(threshold, test_accuracy)",
        "above(threshold, True)",
        "tests/questions/test_claims.py::test_a_verdict_needs_the_whole_interval_on_one_side",
    ),
    (
        "average with the weights exchanged",
        "analysis/moving_averages.py",
        "m * old + (1 - m) * batch[name]",
        "(1 - m) * old + m * batch[name]",
        f"{AVERAGES}::test_averages_are_those_of_manual",
    ),
    (
        "precise statistics without the variance of the means",
        "analysis/moving_averages.py",
        "within + (means - mean) ** 2",
        "within",
        f"{AVERAGES}::test_precise_statistics_are_those_of_all_training_images",
    ),
    (
        "continue without the averages",
        "analysis/moving_averages.py",
        'name: arrays[f"{momentum:g}/{name}"] for name in self._variables',
        "name: self._start[name] for name in self._variables",
        f"{AVERAGES}::test_what_was_interrupted_continues_to_the_same",
    ),
]
