"""The figures: what they show, their text, and files that are the same every time."""

import filecmp
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import same_color

from bnstudy.errors import UserError
from bnstudy.plots.author_logs import load_reference
from bnstudy.plots.figures import comparison_figure, plot, plot_run, run_figure
from bnstudy.plots.groups import group_runs
from bnstudy.plots.smoothing import smoothed
from bnstudy.run_folder.log import load_log, write_metrics

PANELS = ["train_accuracy", "test_accuracy", "train_cost", "test_cost"]


def logs_of(*folders):
    return [load_log(folder) for folder in folders]


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def line_of(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


# ------------------------------------------------------------------------------- one run


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_run_is_two_labelled_panels_of_its_own_numbers(make_run, split):
    log = load_log(make_run("run", case="c", presets=["quick"], overrides={"seed": 7}))
    figure = run_figure(log, split)
    left, right = figure.axes
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "epoch"]
    assert left.get_ylabel() == "accuracy (fraction)"
    assert right.get_ylabel() == "cost (nats)"
    for axes, quantity in ((left, "accuracy"), (right, "cost")):
        values = log.metrics[f"{split}_{quantity}"]
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), log.metrics["epoch"])
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), values)
        assert [text.get_text() for text in axes.texts] == [f"{values[-1]:.4g}"]
    title = figure.get_suptitle()
    assert "case c: own BN, manual gradients, AMSGrad, digits, width 0.25" in title
    assert {"train": "training images", "test": "test images"}[split] in title
    assert "seed 7" in title
    assert "epochs" not in title  # finished


def test_an_unfinished_run_says_so(make_run):
    log = load_log(make_run("run", epochs=6, case="b"))
    assert "6 of 21 epochs" in run_figure(log, "test").get_suptitle()
    assert legend_texts(comparison_figure([log])) == ["case b, 6 of 21 epochs"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_diverged_run_says_so(make_run, value):
    log = load_log(make_run("run", case="a", change={"train_cost": value}))
    accuracy, cost = run_figure(log, "train").axes
    assert cost.get_title() == "diverged in epoch 1"
    assert accuracy.get_title() == ""
    assert legend_texts(comparison_figure([log])) == ["case a, diverged"]


def test_plot_run_writes_two_pngs_of_200_dpi_into_the_folder(make_run):
    folder = make_run("run", case="a")
    paths = plot_run(folder)
    assert paths == [folder / "train.png", folder / "test.png"]
    for path in paths:
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG")
        width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
        assert (width, height) == (1440, 620)
    assert not filecmp.cmp(*paths, shallow=False)


# ------------------------------------------------------------------------------- several runs


def test_a_title_names_bfloat16_and_a_seed_that_all_runs_share(make_run):
    common = {"training.precision": "bfloat16", "seed": 4}
    folders = [make_run(case, case=case, overrides=common) for case in "ac"]
    title = "CIFAR-10, width 1, bfloat16, seed 4"
    assert comparison_figure(logs_of(*folders)).get_suptitle() == title


def test_seeds_are_one_group_with_mean_and_range(make_run):
    folders = [make_run(f"c{s}", case="c", overrides={"seed": s}) for s in range(3)]
    logs = logs_of(*folders, make_run("a0", case="a"))
    figure = comparison_figure(logs)
    label = "case c, n = 3 (mean, min to max)"
    assert legend_texts(figure) == [label, "case a"]
    assert [axes.get_title() for axes in figure.axes[:2]] == ["training", "test"]
    assert [axes.get_ylabel() for axes in figure.axes] == [
        *("accuracy (fraction)", "accuracy (fraction)", "cost (nats)", "cost (nats)")
    ]
    assert figure.get_suptitle() == "CIFAR-10, width 1"
    for axes, column in zip(figure.axes, PANELS, strict=True):
        values = np.stack([log.metrics[column] for log in logs[:3]])
        np.testing.assert_array_equal(line_of(axes, label).get_ydata(), np.mean(values, axis=0))
        np.testing.assert_array_equal(line_of(axes, "case a").get_ydata(), logs[3].metrics[column])
        (band,) = axes.collections  # one run has no band
        vertices = band.get_paths()[0].vertices
        for epoch in logs[0].metrics["epoch"]:
            at = vertices[vertices[:, 0] == epoch, 1]
            assert at.min() == np.min(values, axis=0)[epoch - 1]
            assert at.max() == np.max(values, axis=0)[epoch - 1]
        # The legend is outside the data.
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
        assert not box.overlaps(axes.get_tightbbox())


def test_a_mean_stops_where_a_seed_is_missing(make_run):
    logs = logs_of(
        make_run("s0", case="a"),
        make_run("s1", epochs=5, case="a", overrides={"seed": 1}),
        make_run("b", case="b"),
    )
    figure = comparison_figure(logs)
    label = "case a, n = 2 (mean, min to max), 5 of 21 epochs"
    assert legend_texts(figure) == [label, "case b"]
    for axes in figure.axes:
        assert len(line_of(axes, label).get_xdata()) == 5
        assert len(line_of(axes, "case b").get_xdata()) == 21


def test_eight_groups_differ_in_colour_and_shape_and_their_labels_wrap_after_commas(make_run):
    logs = [
        load_log(
            make_run(
                f"{i}",
                epochs=20,
                case="c",
                overrides={
                    "optimizer.learning_rate": 1e-4 * (i + 1),
                    "bn.moving_variance_init": float(i),
                    "bn.placement": "after_conv",
                    "bn.momentum": 0.5 + i / 16,
                },
            )
        )
        for i in range(8)
    ]
    figure = comparison_figure(logs)
    lines = figure.axes[0].lines
    looks = {
        (line.get_color(), line.get_marker(), line._unscaled_dash_pattern[1]) for line in lines
    }
    assert len(looks) == 8 == len({line.get_marker() for line in lines})
    for group, text in zip(group_runs(logs), legend_texts(figure), strict=True):
        assert text.replace("\n", " ") == group.legend()
        assert all(len(part) <= 95 for part in text.split("\n"))
        assert all(part.endswith(",") for part in text.split("\n")[:-1])
    assert any("\n" in text for text in legend_texts(figure))
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert all(axes.get_window_extent().height > 160 for axes in figure.axes)


# ------------------------------------------------------------------------------- the author's logs


def test_the_reference_lies_behind_the_runs_in_grey(make_run):
    figure = comparison_figure(logs_of(make_run("run", epochs=4, case="a")), reference=True)
    adam = "author 2018: CIFAR-10, width 1, no BN, Adam"
    amsgrad = "author 2018: CIFAR-10, width 1, no BN, manual AMSGrad"
    assert legend_texts(figure) == ["case a, 4 of 21 epochs", adam, amsgrad]
    for axes, column in zip(figure.axes, PANELS, strict=True):
        run = axes.lines[0]
        for label, name in ((adam, "adam"), (amsgrad, "manual_amsgrad")):
            line = line_of(axes, label)
            np.testing.assert_array_equal(line.get_ydata(), load_reference()[name][column])
            red, green, blue = matplotlib.colors.to_rgb(line.get_color())
            assert red == green == blue
            assert line.is_dashed()
            assert line.get_zorder() < run.get_zorder()
        assert not same_color(line_of(axes, adam).get_color(), line_of(axes, amsgrad).get_color())
        assert axes.get_xlim()[1] > 21


def test_without_reference_there_is_none(make_run):
    figure = comparison_figure(logs_of(make_run("run", case="a")))
    assert legend_texts(figure) == ["case a"]
    assert all(len(axes.lines) == 1 for axes in figure.axes)


def test_plotting_needs_neither_pyplot_nor_tensorflow(make_run):
    code = (
        "import sys; from bnstudy.plots.figures import plot_run; plot_run(sys.argv[1]);"
        "print([name for name in ('tensorflow', 'matplotlib.pyplot') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(make_run("run", epochs=1, case="a"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ------------------------------------------------------------------------------- bnstudy.plot


def test_plot_returns_the_figure_and_writes_only_what_it_is_told_to(make_run, tmp_path):
    folders = [make_run(case, epochs=3, case=case) for case in "ac"]
    before = sorted(tmp_path.rglob("*"))
    figure = plot(folders)
    assert legend_texts(figure) == ["case a, 3 of 21 epochs", "case c, 3 of 21 epochs"]
    assert sorted(tmp_path.rglob("*")) == before
    assert len(plot(str(folders[0])).axes) == 4  # one path is a path, not a list of characters
    plot(folders, out=str(tmp_path / "both.svg"))
    assert set(tmp_path.rglob("*")) - set(before) == {tmp_path / "both.svg"}


def test_nothing_to_plot(make_run, tmp_path):
    with pytest.raises(UserError, match="at least one run folder"):
        plot([])
    folder = make_run("run", case="a")
    write_metrics(folder, [])
    for draw in (plot, plot_run):
        with pytest.raises(UserError, match="run has no finished epoch yet"):
            draw(folder)
        with pytest.raises(UserError, match="no such folder"):
            draw(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("metrics", "labels", "shape"),
    [
        ("test_cost", ["test cost (nats)"], (1, 1)),
        (["images", "train_accuracy"], ["images shown", "training accuracy (fraction)"], (1, 2)),
        (
            ["test_seconds", "learning_rate", "train_seconds", "test_seconds"],
            ["test time (s)", "learning rate", "training time (s)"],
            (2, 2),
        ),
    ],
)
def test_a_metric_has_a_panel_of_its_own(make_run, metrics, labels, shape):
    folder = make_run("run", case="b")
    figure = plot(folder, metric=metrics)
    assert [axes.get_ylabel() for axes in figure.axes] == labels
    columns = dict.fromkeys([metrics] if isinstance(metrics, str) else metrics)
    for axes, column in zip(figure.axes, columns, strict=True):
        (line,) = axes.lines
        np.testing.assert_array_equal(line.get_ydata(), load_log(folder).metrics[column])
        assert axes.get_subplotspec().get_geometry()[:2] == shape


def test_every_column_of_the_log_but_the_epoch_is_a_metric(make_run):
    folder = make_run("run", epochs=2, case="b")
    columns = [column for column in load_log(folder).metrics if column != "epoch"]
    assert len(plot(folder, metric=columns).axes) == len(columns) == 8


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            {"metric": "accuracy"},
            "there is no metric 'accuracy'; there are learning_rate, images, train_cost, "
            "train_accuracy, test_cost, test_accuracy, train_seconds, test_seconds",
        ),
        ({"metric": ["test_cost", "epoch"]}, "there is no metric 'epoch'"),
        ({"metric": [3]}, "there is no metric 3"),
        ({"metric": [["test_cost"]]}, "there is no metric ['test_cost']"),
        ({"metric": []}, "at least one metric of learning_rate, images"),
        ({"metric": 3}, "metric is of type int, must be a list of columns of metrics.csv"),
        ({"smooth": np.int64(4)}, "smooth must be an odd number of epochs, such as 5, got"),
        ({"smooth": 0}, "got 0"),
        ({"smooth": -1}, "got -1"),
        ({"smooth": 0.6}, "got 0.6"),
        ({"smooth": True}, "got True"),
        ({"smooth": None}, "got None"),
        (
            {"metric": ["images", "train_seconds"], "reference": True},
            "the author's logs of 2018 have no images, train_seconds, only train_cost, "
            "train_accuracy, test_cost, test_accuracy",
        ),
    ],
)
def test_a_wrong_choice_is_one_line_that_says_what_there_is(make_run, tmp_path, arguments, says):
    out = tmp_path / "figure.png"
    with pytest.raises(UserError, match=re.escape(says)) as caught:
        plot(make_run("run", epochs=2, case="a"), **arguments, out=out)
    assert "\n" not in str(caught.value)
    assert not out.exists()


def test_the_legend_names_the_reference_even_if_the_first_panel_lacks_it(make_run):
    figure = plot(make_run("run", case="a"), metric=["images", "test_cost"], reference=True)
    assert [len(axes.lines) for axes in figure.axes] == [1, 3]
    assert [text.partition(":")[0] for text in legend_texts(figure)] == ["case a"] + [
        "author 2018"
    ] * 2


def test_a_long_title_stays_inside_the_figure(make_run):
    many = {"training.precision": "bfloat16", "data.train_limit": 1000, "seed": 123456}
    folder = make_run("run", epochs=3, case="c", overrides=many)
    for figure in (run_figure(load_log(folder), "train"), plot(folder), plot(folder, smooth=3)):
        figure.draw_without_rendering()
        title = figure._suptitle.get_window_extent()
        assert title.x0 > 0
        assert title.x1 < figure.bbox.x1
        assert all(axes.bbox.height > 150 for axes in figure.axes)
        assert "width 1, bfloat16" in figure.get_suptitle().replace("\n", " ")


# ------------------------------------------------------------------------------- smoothing


def test_nothing_is_smoothed_unless_asked(make_run):
    for figure in (plot(make_run("run", case="a")), plot(make_run("b", case="b"), smooth=1)):
        assert "smooth" not in figure.get_suptitle() + "".join(legend_texts(figure))
        assert [len(axes.lines) for axes in figure.axes] == [1] * 4


def test_a_smoothed_curve_says_so_and_the_measured_one_is_pale_behind_it(make_run):
    logs = logs_of(*[make_run(f"s{s}", case="a", overrides={"seed": s}) for s in (0, 1)])
    figure = comparison_figure(logs, metric=["test_cost"], smooth=5, reference=True)
    assert figure.get_suptitle().endswith(
        "smoothed: centred running mean over 5 epochs, fewer at the ends; pale: as measured"
    )
    assert all(text.endswith(", smoothed") for text in legend_texts(figure))
    (axes,) = figure.axes
    measured, smooth = axes.lines[:2]
    mean = np.mean([log.metrics["test_cost"] for log in logs], axis=0)
    np.testing.assert_array_equal(measured.get_ydata(), mean)
    np.testing.assert_array_equal(smooth.get_ydata(), smoothed(mean, 5))
    assert measured.get_alpha() < 0.5
    assert measured.get_zorder() < smooth.get_zorder()
    assert same_color(measured.get_color(), smooth.get_color())
    assert len(axes.lines) == 6  # the author's two are smoothed likewise
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == max(log.metrics["test_cost"].max() for log in logs)


@pytest.mark.parametrize("names", [("_a", "_b"), ("cost_$5_to_$6", "b$x_{$")])
def test_names_of_folders_are_shown_whatever_is_in_them(make_run, tmp_path, names):
    """With more than four keys that differ, the labels are the names of the folders."""
    many = {"optimizer.learning_rate": 1.0, "model.width": 0.5, "bn.momentum": 0.5}
    many |= {"bn.epsilon": 0.5, "training.epochs": 2}
    logs = [
        load_log(make_run(name, case="a", overrides=changes))
        for name, changes in zip(names, ({}, many), strict=True)
    ]
    drawn = comparison_figure(logs)
    drawn.savefig(tmp_path / "a.png")
    (legend,) = drawn.legends
    shown = [text.get_text().partition(",")[0].strip() for text in legend.get_texts()]
    assert shown == list(names)
