"""Mistakes in the figures that a test must notice."""

FIGURES = "tests/plots/test_figures.py::"
GROUPS = "tests/plots/test_groups.py::"

MUTATIONS = [
    (
        "draw the median of the seeds as their mean",
        "plots/figures.py",
        "values.mean(axis=0)",
        "np.median(values, axis=0)",
        FIGURES + "test_seeds_are_one_group_with_mean_and_range",
    ),
    (
        "clip the accuracy axis at 1",
        "plots/figures.py",
        "top=1 + 0.02 * (1 - max(bottom, 0))",
        "top=1",
        FIGURES + "test_no_axis_reaches_beyond_what_is_possible",
    ),
    (
        "write the date into an SVG",
        "plots/figures.py",
        '".svg": {"Date": None}',
        '".svg": {}',
        FIGURES + "test_the_same_logs_give_the_same_bytes_whatever_the_users_settings",
    ),
    (
        "keep the user's style",
        "plots/figures.py",
        "        matplotlib.rcdefaults()\n",
        "",
        FIGURES + "test_the_same_logs_give_the_same_bytes_whatever_the_users_settings",
    ),
    (
        "make every seed a group of its own",
        "plots/groups.py",
        'return key != "seed" and affects_results(key)',
        "return affects_results(key)",
        FIGURES + "test_seeds_are_one_group_with_mean_and_range",
    ),
    (
        "hide that a run diverged",
        "plots/groups.py",
        'parts.append("diverged")',
        "pass",
        FIGURES + "test_a_diverged_run_says_so",
    ),
    (
        "leave out of a label what was changed besides the case",
        "plots/groups.py",
        'if key == "case"\n',
        'if key != "case" and False\n',
        GROUPS + "test_labels_say_what_differs",
    ),
    (
        "read the epochs of the author's logs as floating-point numbers",
        "plots/author_logs.py",
        'dtype=np.int64 if column == "epoch" else np.float64',
        "dtype=np.float64",
        "tests/plots/test_author_logs.py::test_the_reference_is_the_published_one",
    ),
]
