"""Grouping of runs, and the labels of the groups in figures."""

import pytest

from bnstudy.plots.groups import group_runs
from bnstudy.run_folder.log import load_log


def logs_of(*folders):
    return [load_log(folder) for folder in folders]


def test_a_folder_given_twice_counts_once(make_run):
    folder = make_run("run", case="a")
    (group,) = group_runs(logs_of(folder, folder / ".." / "run"))
    assert len(group.logs) == 1


def test_where_the_images_are_does_not_separate_groups(make_run):
    logs = logs_of(
        make_run("x", case="a"), make_run("y", case="a", overrides={"data.dir": "/elsewhere"})
    )
    (group,) = group_runs(logs)
    assert (len(group.logs), group.label) == (2, "case a")


RATE, WIDTH = "optimizer.learning_rate", "model.width"
CLIPPING = "bn.renorm_clipping"


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
            ["case a", "case c, model.batch_norm = keras"],
        ),
        ([(None, {}), ("a", {})], ["no case", "case a"]),
        (
            [("c", {}), ("b", {CLIPPING: {"rmax": 2, "dmax": 1}})],
            [f"case c, {CLIPPING} = {{rmax: 3.0, dmax: 5.0}}",
             f"case b, {CLIPPING} = {{rmax: 2.0, dmax: 1.0}}"],
        ),
        # Too many differences for a label.
        (
            [("a", {}), ("a", {RATE: 1.0, WIDTH: 0.5, "bn.momentum": 0.5, "bn.epsilon": 0.5,
                               "training.epochs": 2})],
            ["0", "1"],
        ),
        # Many differences, but few in each: a label names those of its own group.
        (
            [("a", {}), ("a", {RATE: 1.0, WIDTH: 0.5, "bn.momentum": 0.5}),
             ("c", {"bn.epsilon": 0.5, "training.epochs": 2})],
            ["case a", f"case a, {WIDTH} = 0.5, bn.momentum = 0.5, {RATE} = 1.0",
             "case c, bn.epsilon = 0.5, training.epochs = 2"],
        ),
    ],
)  # fmt: skip
def test_labels_say_what_differs(make_run, runs, labels):
    folders = [
        make_run(str(index), epochs=1, case=case, overrides=overrides)
        for index, (case, overrides) in enumerate(runs)
    ]
    assert [group.label for group in group_runs(logs_of(*folders))] == labels


def test_folder_labels_stay_distinct(make_run, monkeypatch):
    many = {RATE: 1.0, WIDTH: 0.5, "bn.momentum": 0.5, "bn.epsilon": 0.5, "bn.scale": False}
    x = [make_run(f"x/run_seed-{s}", epochs=1, case="a", overrides={"seed": s}) for s in (0, 1)]
    y = make_run("y/run_seed-0", epochs=1, case="a", overrides=many)
    z = make_run("z/run_seed-0", epochs=1, case="b", overrides=many)
    assert [group.label for group in group_runs(logs_of(*x, y))] == ["run", "run_seed-0"]
    assert [group.label for group in group_runs(logs_of(x[0], y))] == [str(x[0]), str(y)]
    assert len({group.label for group in group_runs(logs_of(*x, y, z))}) == 3
    monkeypatch.chdir(y)
    assert [group.label for group in group_runs(logs_of(".", *x))] == ["run_seed-0", "run"]
