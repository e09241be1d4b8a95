"""Mistakes in the figures that a test must notice."""

FIGURES = "tests/plots/test_figures.py::"
GROUPS = "tests/plots/test_groups.py::"
PANELS = "tests/plots/test_panels.py::"
RUNS = "tests/plots/test_runs.py::"
SMOOTHING = "tests/plots/test_smoothing.py::"
STYLE = "tests/plots/test_style.py::"
SUMMARY = "tests/plots/test_summary.py::"

MUTATIONS = [
    (
        "draw the median of the seeds as their mean",
        "plots/panels.py",
        "values.mean(axis=0)",
        "np.median(values, axis=0)",
        FIGURES + "test_seeds_are_one_group_with_mean_and_range",
    ),
    (
        "clip the accuracy axis at 1",
        "plots/panels.py",
        "top=1 + 0.02 * (1 - max(bottom, 0))",
        "top=1",
        PANELS + "test_no_axis_reaches_beyond_what_is_possible",
    ),
    (
        "write the date into an SVG",
        "plots/style.py",
        '".svg": {"Date": None}',
        '".svg": {}',
        STYLE + "test_the_same_logs_give_the_same_bytes_whatever_the_users_settings",
    ),
    (
        "keep the user's style",
        "plots/style.py",
        "        matplotlib.rcdefaults()\n",
        "",
        STYLE + "test_the_same_logs_give_the_same_bytes_whatever_the_users_settings",
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
        'if key != "case" and flat[key] != case[key]]',
        'if key != "case" and False]',
        GROUPS + "test_labels_say_what_differs",
    ),
    (
        "read the epochs of the author's logs as floating-point numbers",
        "plots/author_logs.py",
        'dtype=np.int64 if column == "epoch" else np.float64',
        "dtype=np.float64",
        "tests/plots/test_author_logs.py::test_the_reference_is_the_published_one",
    ),
    (
        "smooth unless told not to",
        "plots/figures.py",
        "    smooth: int = 1,\n    reference: bool",
        "    smooth: int = 3,\n    reference: bool",
        FIGURES + "test_nothing_is_smoothed_unless_asked",
    ),
    (
        "hide the measured curve behind the smoothed one",
        "plots/panels.py",
        '        axes.plot(epochs, values, color=look["color"], alpha=0.35, linewidth=1, zorder=2.2)\n',
        "",
        FIGURES + "test_a_smoothed_curve_says_so_and_the_measured_one_is_pale_behind_it",
    ),
    (
        "keep quiet about the smoothing",
        "plots/figures.py",
        "    if smooth == 1:\n",
        "    if smooth:\n",
        FIGURES + "test_a_smoothed_curve_says_so_and_the_measured_one_is_pale_behind_it",
    ),
    (
        "let the smoothed curve lag",
        "plots/smoothing.py",
        "padded[centre - h : centre + h + 1]",
        "padded[centre - h : centre + 1]",
        SMOOTHING + "test_a_straight_line_stays_where_it_is",
    ),
    (
        "smooth the last epoch",
        "plots/smoothing.py",
        "constant_values=np.nan",
        "constant_values=0.0",
        SMOOTHING + "test_the_ends_stay_as_measured_and_their_neighbours_are_means_of_three",
    ),
    (
        "name in the legend only what the first panel shows",
        "plots/figures.py",
        "for axes in figure.axes:",
        "for axes in figure.axes[:1]:",
        FIGURES + "test_the_legend_names_the_reference_even_if_the_first_panel_lacks_it",
    ),
    (
        "let a long title run out of the figure",
        "plots/figures.py",
        ", 85)",
        ", 850)",
        FIGURES + "test_a_long_title_stays_inside_the_figure",
    ),
    (
        "draw a figure in the style of whoever shows it",
        "plots/style.py",
        "        with style():\n            super().draw",
        "        if True:\n            super().draw",
        STYLE + "test_a_figure_looks_the_same_whatever_the_style_when_it_is_shown",
    ),
    (
        "draw the runs that were kept aside",
        "run_folder/find.py",
        "sorted(name for name in names if ASIDE not in name)",
        "sorted(names)",
        "tests/run_folder/test_find.py::test_a_folder_stands_for_all_runs_below_it",
    ),
    (
        "draw nothing while one run of a sweep has no epoch",
        "plots/runs.py",
        "return started or logs",
        "return logs",
        RUNS + "test_a_run_without_an_epoch_is_left_out_with_a_warning_unless_it_is_alone",
    ),
    (
        "report the best epoch",
        "plots/summary.py",
        "group.values(metric)[:, -1]",
        "group.values(metric).max(axis=1)",
        SUMMARY + "test_one_run_is_one_row_of_its_last_epoch",
    ),
    (
        "smooth the figures in a run's own folder",
        "cli/plot.py",
        "options.metric or options.smooth > 1",
        "options.metric",
        "tests/cli/test_plot.py::test_everything_else_is_one_figure",
    ),
    (
        "print the table where the paths are",
        "cli/plot.py",
        "metrics)), sys.stderr)",
        "metrics)), sys.stdout)",
        "tests/cli/test_plot.py::test_everything_else_is_one_figure",
    ),
    (
        "flatten a cost that spans decades",
        "plots/panels.py",
        "0 < 30 * values.min() < values.max()",
        "False",
        PANELS + "test_a_cost_that_spans_decades_has_a_log_scale_and_says_so",
    ),
]
