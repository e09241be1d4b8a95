"""Runs beside the author's own series."""

import numpy as np
import pytest

from bnstudy.plots.author_logs import load_reference
from bnstudy.report.author import beside_the_author, largest_difference, of_the_authors_kind
from bnstudy.report.report import make_report
from bnstudy.run_folder.log import load_log

FULL = {"model.width": 1.0}
HIS = load_reference()["adam"]["test_accuracy"]


def curve(*accuracies, first=1):
    epochs = np.arange(first, first + len(accuracies))
    return {"epoch": epochs, "test_accuracy": np.array(accuracies)}


def test_the_largest_difference_is_that_of_the_epochs_that_both_have_from_the_fourth_on():
    one = curve(0.1, 0.2, 0.3, 0.50, 0.60, 0.70)
    other = curve(0.9, 0.9, 0.9, 0.52, 0.55, 0.69, 0.1)
    assert largest_difference(one, other) == pytest.approx((0.05, 5))
    assert largest_difference(other, one) == pytest.approx((0.05, 5))
    later = {name: values[4:] for name, values in other.items()}
    assert largest_difference(one, later) == pytest.approx((0.05, 5))
    assert largest_difference(one, curve(0.4, 0.5, 0.6)) is None


@pytest.mark.parametrize(
    ("arm", "changes", "his"),
    [
        ("a", FULL, True),
        ("d", FULL, True),
        ("b", FULL, False),
        ("a", {}, False),
        ("a", {**FULL, "data.train_limit": 100}, False),
        ("a", {**FULL, "data.name": "digits", "data.augment": False}, False),
    ],
)
def test_which_runs_are_of_his_kind(make_finished, arm, changes, his):
    log = load_log(make_finished(arm, 0, changes=changes))
    assert of_the_authors_kind(log) is his
    assert bool(beside_the_author([log])) is his
    assert len(beside_the_author([log, log])) == (6 if his else 0)  # names may be alike


def test_a_report_has_the_table_with_his_own_series_for_scale(make_finished, tmp_path):
    shifted = HIS + np.where(np.arange(1, 22) == 9, 0.0313, 0.002)
    folder = make_finished("a", 0, changes=FULL, test_accuracy=shifted)
    report = make_report([tmp_path])
    head, run, *own = report.beside_author
    assert head == ["test accuracy", "author, momentum", "author, adam", "author, manual_amsgrad"]
    assert run[0] == folder.name
    assert run[2] == "0.0313 (epoch 9)"
    assert [line[1:] for line in own] == [
        ["", "0.0177 (epoch 7)", "0.0292 (epoch 4)"],
        ["0.0177 (epoch 7)", "", "0.0326 (epoch 5)"],
        ["0.0292 (epoch 4)", "0.0326 (epoch 5)", ""],
    ]
    text = report.markdown(["results"])
    assert "The largest difference to the author's own series of 2018, from epoch 4 on." in text
    assert report.as_json()["beside_author"] == report.beside_author
