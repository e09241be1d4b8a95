"""The figures: what they show, their text, and files that are the same every time."""

import filecmp
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import same_color

from bnstudy.errors import UserError
from bnstudy.plots.author_logs import load_reference
from bnstudy.plots.figures import comparison_figure, plot_comparison, plot_run, run_figure
from bnstudy.plots.groups import group_runs
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


def test_epoch_ticks_are_integers_and_one_epoch_shows_a_marker(make_run):
    for epochs in (1, 2, 21):
        log = load_log(make_run(f"run{epochs}", case="a", overrides={"training.epochs": epochs}))
        for axes in run_figure(log, "train").axes:
            low, high = axes.get_xlim()
            ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
            assert ticks
            assert all(tick == int(tick) and tick >= 1 for tick in ticks)
            line = axes.lines[0]
            assert line.get_marker() == "o"
            assert line.get_markevery() == (0, 1)


def test_no_axis_reaches_beyond_what_is_possible(make_run):
    perfect = {"train_accuracy": 1.0, "train_cost": 0.0}
    log = load_log(make_run("run", case="a", change=perfect))
    accuracy, cost = run_figure(log, "train").axes
    assert [tick for tick in accuracy.get_yticks() if 1 < tick <= accuracy.get_ylim()[1]] == []
    assert accuracy.get_ylim()[1] > 1  # the line itself is not cut
    assert [tick for tick in cost.get_yticks() if cost.get_ylim()[0] <= tick < 0] == []
    assert cost.get_ylim()[0] < 0


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


def test_one_epoch_of_several_seeds_shows_its_range(make_run):
    logs = logs_of(*[make_run(f"s{s}", epochs=1, case="a", overrides={"seed": s}) for s in (0, 1)])
    axes = comparison_figure(logs).axes[1]
    (_, bar) = axes.collections
    low, high = sorted(log.metrics["test_accuracy"][0] for log in logs)
    np.testing.assert_array_equal(bar.get_segments()[0], [[1, low], [1, high]])


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


def test_no_panel_hides_a_part_of_a_line_or_a_band(make_run):
    """Perfect training bounds the shared axis from above, and a bad test run must still be seen."""
    perfect = {"train_accuracy": 1.0, "train_cost": 0.0}
    bad = perfect | {"test_accuracy": 0.08, "test_cost": 9.0}
    folders = [
        make_run("s0", case="c", change=perfect),
        make_run("s1", case="c", change=bad, overrides={"seed": 1}),
    ]
    figure = comparison_figure(logs_of(*folders))
    for axes, column in zip(figure.axes, PANELS, strict=True):
        bottom, top = axes.get_ylim()
        for log in logs_of(*folders):
            assert bottom <= log.metrics[column].min(), column
            assert log.metrics[column].max() <= top, column


# ------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".PDF", b"%PDF"), (".svg", b"<?xml")]
)
def test_the_same_logs_give_the_same_bytes_whatever_the_users_settings(
    make_run, tmp_path, monkeypatch, suffix, start
):
    folders = [make_run("s0", case="a"), make_run("s1", case="a", overrides={"seed": 1})]
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    assert plot_comparison(folders, first, reference=True) == first
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20)
    monkeypatch.setitem(matplotlib.rcParams, "savefig.bbox", "tight")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")  # as on another day
    plot_comparison(map(str, folders), str(second), reference=True)
    assert matplotlib.rcParams["font.size"] == 20  # theirs are as before
    assert first.read_bytes().startswith(start)
    assert filecmp.cmp(first, second, shallow=False)  # pytest would diff the bytes for minutes


def test_an_unknown_suffix_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UserError, match=r"fig\.jpeg: .* must end in one of \.png, \.pdf, \.svg"):
        plot_comparison(["nowhere"], tmp_path / "fig.jpeg")


def test_a_place_that_cannot_be_written(make_run, tmp_path):
    folder = make_run("run", epochs=1, case="a")
    with pytest.raises(UserError, match=r"cannot write .*fig\.png: No such file or directory"):
        plot_comparison([folder], tmp_path / "nowhere" / "fig.png")
    (folder / "train.png").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*train\.png"):
        plot_run(folder)


def test_nothing_to_plot(make_run, tmp_path):
    with pytest.raises(UserError, match="at least one run folder"):
        plot_comparison([], tmp_path / "fig.png")
    folder = make_run("run", case="a")
    write_metrics(folder, [])
    with pytest.raises(UserError, match="run has no finished epoch yet"):
        plot_run(folder)
    with pytest.raises(UserError, match="run has no finished epoch yet"):
        plot_comparison([folder], tmp_path / "fig.png")
    with pytest.raises(UserError, match="no such folder"):
        plot_run(tmp_path / "nowhere")


def test_plotting_needs_neither_pyplot_nor_tensorflow(make_run):
    code = (
        "import sys; from bnstudy.plots.figures import plot_run; plot_run(sys.argv[1]);"
        "print([name for name in ('tensorflow', 'matplotlib.pyplot') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(make_run("run", epochs=1, case="a"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
