"""The table of the last epoch: measured values, of every seed's mean, minimum and maximum."""

import numpy as np

from bnstudy.plots.summary import last_epochs
from bnstudy.run_folder.log import load_log


def test_one_run_is_one_row_of_its_last_epoch(make_run):
    log = load_log(make_run("run", epochs=6, case="c"))
    header, row = last_epochs([log], ["test_accuracy", "learning_rate", "images"])
    assert header.split() == ["epoch", "test_accuracy", "learning_rate", "images"]
    accuracy = log.metrics["test_accuracy"][-1]
    assert row.startswith("case c, 6 of 21 epochs ")
    assert row.split()[-4:] == ["6", f"{accuracy:.4f}", "0.0003", "600000"]
    assert len(header) == len(row)


def test_seeds_have_their_mean_minimum_and_maximum(make_run):
    logs = [
        load_log(make_run(f"s{s}", epochs=21 - s, case="a", overrides={"seed": s}))
        for s in (0, 1, 3)
    ]
    _, *rows = last_epochs(logs, ["test_cost"])
    at = [log.metrics["test_cost"][17] for log in logs]  # the last epoch that all have
    assert [row.split()[-2:] for row in rows] == [
        ["mean", f"{np.mean(at):.4f}"],
        ["min", f"{min(at):.4f}"],
        ["max", f"{max(at):.4f}"],
    ]
    assert rows[0].startswith("case a, n = 3, 18 of 21 epochs     18  mean")


def test_a_cost_that_is_not_finite_is_nan_and_the_run_diverged(make_run):
    log = load_log(make_run("run", case="a", change={"test_cost": np.inf}))
    _, row = last_epochs([log])
    assert row.startswith("case a, diverged ")
    assert row.endswith("nan")
