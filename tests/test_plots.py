"""The figures: what they show, in which words, and that the same logs give the same bytes."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import same_color

from bnstudy.config import load_config
from bnstudy.errors import UserError
from bnstudy.plots import (
    comparison_figure,
    group_runs,
    load_reference,
    plot_comparison,
    plot_run,
    run_figure,
)
from bnstudy.run_log import load_log, write_metrics, write_text_atomic

PANELS = ["train_accuracy", "test_accuracy", "train_cost", "test_cost"]


@pytest.fixture
def make(tmp_path):
    """Write a run folder with random figures and return it."""

    def make(name, epochs=None, change=None, **arguments):
        config = load_config(**arguments)
        folder = tmp_path / name
        folder.mkdir(parents=True)
        random = np.random.default_rng(sum(map(ord, str(name))))
        rows = [
            {
                "epoch": epoch,
                "learning_rate": 3e-4,
                "images": 100_000 * epoch,
                "train_cost": 1.5 / epoch + 0.1 * random.random(),
                "train_accuracy": 1 - 0.5 / epoch - 0.1 * random.random(),
                "test_cost": 1.0 / epoch + 0.1 * random.random(),
                "test_accuracy": 1 - 0.6 / epoch - 0.1 * random.random(),
                "train_seconds": 10.0,
                "test_seconds": 1.0,
            }
            | (change or {})
            for epoch in range(1, (epochs or config.training.epochs) + 1)
        ]
        write_text_atomic(folder / "config.yaml", config.to_yaml())
        write_metrics(folder, rows)
        return folder

    return make


def logs_of(*folders):
    return [load_log(folder) for folder in folders]


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def line_of(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


# ------------------------------------------------------------------------------- one run


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_run_is_two_labelled_panels_of_its_own_numbers(make, split):
    log = load_log(make("run", case="c", presets=["quick"], overrides={"seed": 7}))
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


def test_epoch_ticks_are_integers_and_one_epoch_shows_a_marker(make):
    for epochs in (1, 2, 21):
        log = load_log(make(f"run{epochs}", case="a", overrides={"training.epochs": epochs}))
        for axes in run_figure(log, "train").axes:
            low, high = axes.get_xlim()
            ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
            assert ticks
            assert all(tick == int(tick) and tick >= 1 for tick in ticks)
            line = axes.lines[0]
            assert line.get_marker() == "o"
            assert line.get_markevery() == (0, 1)


def test_no_axis_reaches_beyond_what_is_possible(make):
    perfect = {"train_accuracy": 1.0, "train_cost": 0.0}
    log = load_log(make("run", case="a", change=perfect))
    accuracy, cost = run_figure(log, "train").axes
    assert [tick for tick in accuracy.get_yticks() if 1 < tick <= accuracy.get_ylim()[1]] == []
    assert accuracy.get_ylim()[1] > 1  # the line itself is not cut
    assert [tick for tick in cost.get_yticks() if cost.get_ylim()[0] <= tick < 0] == []
    assert cost.get_ylim()[0] < 0


def test_an_unfinished_run_says_so(make):
    log = load_log(make("run", epochs=6, case="b"))
    assert "6 of 21 epochs" in run_figure(log, "test").get_suptitle()
    assert legend_texts(comparison_figure([log])) == ["case b, 6 of 21 epochs"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_diverged_run_says_so(make, value):
    log = load_log(make("run", case="a", change={"train_cost": value}))
    accuracy, cost = run_figure(log, "train").axes
    assert cost.get_title() == "diverged in epoch 1"
    assert accuracy.get_title() == ""
    assert legend_texts(comparison_figure([log])) == ["case a, diverged"]


def test_plot_run_writes_two_pngs_of_200_dpi_into_the_folder(make):
    folder = make("run", case="a")
    paths = plot_run(folder)
    assert paths == [folder / "train.png", folder / "test.png"]
    for path in paths:
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG")
        width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
        assert (width, height) == (1440, 620)
    assert paths[0].read_bytes() != paths[1].read_bytes()


# ------------------------------------------------------------------------------- several runs


def test_seeds_are_one_group_with_mean_and_range(make):
    folders = [make(f"c{s}", case="c", overrides={"seed": s}) for s in range(3)]
    logs = logs_of(*folders, make("a0", case="a"))
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
        # The legend lies outside of the data.
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
        assert not box.overlaps(axes.get_tightbbox())


def test_a_mean_stops_where_a_seed_is_missing(make):
    logs = logs_of(
        make("s0", case="a"),
        make("s1", epochs=5, case="a", overrides={"seed": 1}),
        make("b", case="b"),
    )
    figure = comparison_figure(logs)
    label = "case a, n = 2 (mean, min to max), 5 of 21 epochs"
    assert legend_texts(figure) == [label, "case b"]
    for axes in figure.axes:
        assert len(line_of(axes, label).get_xdata()) == 5
        assert len(line_of(axes, "case b").get_xdata()) == 21


def test_one_epoch_of_several_seeds_shows_its_range(make):
    logs = logs_of(*[make(f"s{s}", epochs=1, case="a", overrides={"seed": s}) for s in (0, 1)])
    axes = comparison_figure(logs).axes[1]
    (_, bar) = axes.collections
    low, high = sorted(log.metrics["test_accuracy"][0] for log in logs)
    np.testing.assert_array_equal(bar.get_segments()[0], [[1, low], [1, high]])


def test_a_folder_given_twice_counts_once(make):
    folder = make("run", case="a")
    (group,) = group_runs(logs_of(folder, folder / ".." / "run"))
    assert len(group.logs) == 1


def test_where_the_images_lie_makes_no_group(make):
    logs = logs_of(make("x", case="a"), make("y", case="a", overrides={"data.dir": "/elsewhere"}))
    (group,) = group_runs(logs)
    assert (len(group.logs), group.label) == (2, "case a")


RATE, WIDTH = "optimizer.learning_rate", "model.width"


@pytest.mark.parametrize(
    ("runs", "labels"),
    [
        ([("a", {}), ("b", {}), ("c", {})], ["case a", "case b", "case c"]),
        ([("a", {}), ("a", {RATE: 0.001})], [f"{RATE} = 0.0003", f"{RATE} = 0.001"]),
        (
            [("b", {}), ("c", {}), ("c", {RATE: 0.001})],
            [f"case b, {RATE} = 0.0003", f"case c, {RATE} = 0.0003", f"case c, {RATE} = 0.001"],
        ),
        # The case alone would hide that the widths differ too.
        ([("a", {}), ("c", {WIDTH: 0.5})], [f"case a, {WIDTH} = 1.0", f"case c, {WIDTH} = 0.5"]),
        (
            [("a", {}), ("c", {"model.batch_norm": "keras"})],
            ["case a, model.batch_norm = none", "case c, model.batch_norm = keras"],
        ),
        ([(None, {}), ("a", {})], ["no case", "case a"]),
        # Too many differences for a label.
        (
            [("a", {}), ("a", {RATE: 1.0, WIDTH: 0.5, "bn.momentum": 0.5, "bn.epsilon": 0.5,
                               "training.epochs": 2})],
            ["0", "1"],
        ),
    ],
)  # fmt: skip
def test_labels_say_what_differs(make, runs, labels):
    folders = [
        make(str(index), epochs=1, case=case, overrides=overrides)
        for index, (case, overrides) in enumerate(runs)
    ]
    assert [group.label for group in group_runs(logs_of(*folders))] == labels


def test_folder_labels_stay_distinct(make, monkeypatch):
    many = {RATE: 1.0, WIDTH: 0.5, "bn.momentum": 0.5, "bn.epsilon": 0.5, "bn.scale": False}
    x = [make(f"x/run_seed-{s}", epochs=1, case="a", overrides={"seed": s}) for s in (0, 1)]
    y = make("y/run_seed-0", epochs=1, case="a", overrides=many)
    z = make("z/run_seed-0", epochs=1, case="b", overrides=many)
    assert [group.label for group in group_runs(logs_of(*x, y))] == ["run", "run_seed-0"]
    assert [group.label for group in group_runs(logs_of(x[0], y))] == [str(x[0]), str(y)]
    assert len({group.label for group in group_runs(logs_of(*x, y, z))}) == 3
    monkeypatch.chdir(y)
    assert [group.label for group in group_runs(logs_of(".", *x))] == ["run_seed-0", "run"]


def test_eight_groups_differ_in_colour_and_shape_and_their_labels_wrap_after_commas(make):
    logs = [
        load_log(
            make(
                f"{i}",
                epochs=20,
                case="c",
                overrides={
                    RATE: 1e-4 * (i + 1),
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


def test_the_reference_is_the_published_one():
    series = load_reference()
    assert list(series) == ["momentum", "adam", "manual_amsgrad"]
    for columns in series.values():
        assert list(columns) == [
            "epoch",
            "train_cost",
            "train_accuracy",
            "test_cost",
            "test_accuracy",
        ]
        np.testing.assert_array_equal(columns["epoch"], np.arange(1, 22))
        assert columns["epoch"].dtype == np.int64
    at = np.array([1, 5, 10, 21]) - 1
    np.testing.assert_allclose(
        series["adam"]["test_accuracy"][at], [0.603, 0.808, 0.861, 0.884], atol=6e-4
    )
    np.testing.assert_allclose(
        series["manual_amsgrad"]["test_accuracy"][at], [0.622, 0.841, 0.873, 0.879], atol=6e-4
    )
    assert series["adam"]["train_accuracy"][-1] == pytest.approx(0.945, abs=5e-4)


def test_the_reference_lies_behind_the_runs_in_grey(make):
    figure = comparison_figure(logs_of(make("run", epochs=4, case="a")), reference=True)
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


def test_without_reference_there_is_none(make):
    figure = comparison_figure(logs_of(make("run", case="a")))
    assert legend_texts(figure) == ["case a"]
    assert all(len(axes.lines) == 1 for axes in figure.axes)


# ------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".PDF", b"%PDF"), (".svg", b"<?xml")]
)
def test_the_same_logs_give_the_same_bytes_whatever_the_users_settings(
    make, tmp_path, monkeypatch, suffix, start
):
    folders = [make("s0", case="a"), make("s1", case="a", overrides={"seed": 1})]
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    assert plot_comparison(folders, first, reference=True) == first
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20)
    monkeypatch.setitem(matplotlib.rcParams, "savefig.bbox", "tight")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")  # stands in for another day
    plot_comparison(map(str, folders), str(second), reference=True)
    assert matplotlib.rcParams["font.size"] == 20  # and leave them alone
    assert first.read_bytes().startswith(start)
    assert first.read_bytes() == second.read_bytes()


def test_an_unknown_suffix_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UserError, match=r"fig\.jpeg: .* must end in one of \.png, \.pdf, \.svg"):
        plot_comparison(["nowhere"], tmp_path / "fig.jpeg")


def test_a_place_that_cannot_be_written(make, tmp_path):
    folder = make("run", epochs=1, case="a")
    with pytest.raises(UserError, match=r"cannot write .*fig\.png: No such file or directory"):
        plot_comparison([folder], tmp_path / "nowhere" / "fig.png")
    (folder / "train.png").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*train\.png"):
        plot_run(folder)


def test_nothing_to_plot(make, tmp_path):
    with pytest.raises(UserError, match="at least one run folder"):
        plot_comparison([], tmp_path / "fig.png")
    folder = make("run", case="a")
    write_metrics(folder, [])
    with pytest.raises(UserError, match="run has no finished epoch yet"):
        plot_run(folder)
    with pytest.raises(UserError, match="run has no finished epoch yet"):
        plot_comparison([folder], tmp_path / "fig.png")
    with pytest.raises(UserError, match="no such folder"):
        plot_run(tmp_path / "nowhere")


def test_plotting_needs_neither_pyplot_nor_tensorflow(make):
    code = (
        "import sys; from bnstudy.plots import plot_run; plot_run(sys.argv[1]);"
        "print([name for name in ('tensorflow', 'matplotlib.pyplot') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(make("run", epochs=1, case="a"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
