"""An evaluation as text and as JSON."""

import dataclasses
import json
import warnings

import numpy as np
import pytest
from trained_helpers import with_precision

from bnstudy.trained import pictures, tables
from bnstudy.trained.evaluation import evaluate


@pytest.fixture(scope="module")
def found(networks):
    return evaluate(networks("c"))[0]


def as_in_result(found, **change):
    """Let the run's result.json have the figures of the evaluation, except for a change."""
    figures = {"test_accuracy": found.accuracy, "test_cost": found.cost} | change
    run = dataclasses.replace(found.run, result={**found.run.result, **figures})
    return dataclasses.replace(found, run=run)


def test_it_says_whether_the_figures_are_those_of_the_run(found, networks):
    assert tables.comparison(as_in_result(found)) == "those of result.json, to the last digit"
    other = as_in_result(found, test_cost=found.cost - 1e-7)
    assert tables.comparison(other) == (
        "not quite those of result.json, from which they differ by +0 and +1e-07"
    )
    run = with_precision(networks("c"), "bfloat16")
    assert "those of result.json, computed in bfloat16, from which they differ by" in (
        tables.comparison(dataclasses.replace(found, run=run))
    )


def test_the_lines_show_accuracy_cost_calibration_and_confusion(found):
    lines = tables.lines(found)
    assert lines[0].startswith(f"accuracy {found.accuracy:.4f}, cost {found.cost:.4f} nats: not")
    assert lines[1].startswith(f"expected calibration error {found.calibration().error:.4f}: ")
    trust = "over" if found.confidence.mean() > found.accuracy else "under"
    assert lines[1].endswith(f", {trust}confident")
    rows = [line.split() for line in lines[4:]]
    assert [row[0] for row in rows] == list("0123456789")
    assert [[int(n) for n in row[2:]] for row in rows] == found.confusion().tolist()


def test_json_has_everything(found):
    values = json.loads(json.dumps(tables.as_json(found), allow_nan=False))
    assert values["accuracy"] == found.accuracy
    assert values["result_json"] == {"test_accuracy": 0.125, "test_cost": 2.5}
    assert values["confusion"] == found.confusion().tolist()
    assert sum(bin["images"] for bin in values["calibration"]) == values["images"] == 30
    assert values["calibration"][0]["accuracy"] is None
    costs = [mistake["cost"] for mistake in values["worst_mistakes"]]
    assert costs == sorted(costs, reverse=True)
    wrong = np.count_nonzero(found.labels != found.predicted)
    assert len(costs) == min(wrong, tables.WORST) > 0
    assert values["worst_mistakes"][0]["class"] != values["worst_mistakes"][0]["predicted"]


def test_a_class_without_images_has_no_accuracy(found, tmp_path):
    absent = dataclasses.replace(found, labels=np.where(found.labels == 3, 4, found.labels))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = json.loads(json.dumps(tables.as_json(absent), allow_nan=False))
        pictures.evaluation_figure(absent).savefig(tmp_path / "a.png")
    assert values["class_accuracy"][3] is None
    assert [a is None for a in values["class_accuracy"]].count(True) == 1
