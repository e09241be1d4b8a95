"""A diagnosis as text and as JSON."""

import json

import pytest
from doctor_helpers import SICK, data, trained

from bnstudy.doctor import report
from bnstudy.doctor.diagnosis import NO_BATCH_NORM, Diagnosis, diagnose


@pytest.fixture(scope="module")
def sick():
    make, _ = SICK["never updated"]
    return diagnose(*make())


def test_each_finding_says_what_where_how_large_why_and_what_to_do(sick):
    text = str(sick)
    for part in ("where: bn1, bn2", "how large: ", "why it matters: ", "what to do: "):
        assert part in text
    assert "FINDING: statistics that were never updated" in text
    assert text.splitlines()[-1].startswith("not healthy, 2 findings: 2 batch norms, 360 images")


def test_accuracy_is_shown_by_statistics(sick):
    (line,) = [line for line in str(sick).splitlines() if line.startswith("accuracy by")]
    for name in ("moving", "precise", "batches of 32", "each image alone"):
        assert f"{name} 0." in line or f"{name} 1." in line


def test_json_says_the_same(sick):
    value = json.loads(json.dumps(report.as_json(sick), allow_nan=False))
    assert value["healthy"] is False
    assert [f["kind"] for f in value["findings"]] == [f.kind for f in sick.findings]
    assert [layer["name"] for layer in value["layers"]] == ["bn1", "bn2"]
    assert value["layers"][0]["moving_variance"] == [1.0] * 32
    assert value["accuracy"]["precise"] > value["accuracy"]["moving"]


def test_numbers_that_are_none_are_null():
    make, _ = SICK["nan"]
    value = report.as_json(diagnose(*make()))
    assert value["layers"][0]["moving_mean"][1] is None
    assert value["layers"][0]["mean_distance_in_sd"] is None
    json.dumps(value, allow_nan=False)


def test_of_many_layers_the_farthest_are_shown(monkeypatch):
    monkeypatch.setattr(report, "MOST_ROWS", 1)
    model = trained()
    model.get_layer("bn2").moving_mean.assign(model.get_layer("bn2").moving_mean + 9)
    lines = str(diagnose(model, data()[2])).splitlines()
    assert lines[1].startswith("bn2 ")
    assert lines[2] == "and 1 more batch norm, less far off"


def test_without_batch_norm_there_is_one_sentence():
    nothing = Diagnosis(None, (), 0.1)
    assert str(nothing) == NO_BATCH_NORM
    assert report.as_json(nothing)["layers"] == []
    assert nothing.healthy
