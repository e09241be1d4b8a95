"""Statistics that are not those of the data: each cause on a model that has it."""

import pytest
from doctor_helpers import SICK, data, frozen, invert, trained, with_statistics
from marks import thorough

from bnstudy.doctor.diagnosis import diagnose

NAMES = [
    *("never updated", "few steps, without labels", "negative variance", "nan"),
    *("frozen before training", "images up to 255"),
    *thorough("few steps", "PyTorch's momentum", "momentum 0.5, batches of 4"),
    *thorough("frozen, of other data", "batches of two", "one value"),
]


def kinds(diagnosis, hints=False):
    return {finding.kind for finding in diagnosis.findings if finding.is_hint is hints}


@pytest.mark.parametrize("name", NAMES)
def test_the_cause_is_named(name):
    make, expected = SICK[name]
    diagnosis = diagnose(*make())
    assert expected <= kinds(diagnosis)
    assert not diagnosis.healthy


@pytest.mark.thorough
def test_what_is_left_of_the_start_values_is_measured():
    diagnosis = diagnose(*SICK["few steps"][0]())
    (finding,) = [f for f in diagnosis.findings if f.kind == "long_memory"]
    share = float(finding.measured.split("; ")[1].split("%")[0]) / 100
    assert share == pytest.approx(0.99**170, abs=0.03)
    assert finding.measured.endswith("it remembers 100 of 170 steps")


@pytest.mark.thorough
def test_the_size_of_the_batches_is_measured():
    diagnosis = diagnose(*SICK["batches of two"][0]())
    (finding,) = [f for f in diagnosis.findings if f.kind == "small_batch"]
    size = float(finding.measured.split("batches of ")[1].split()[0])
    assert 1.5 < size < 2.7


def test_the_layer_that_was_not_updated_is_the_only_one_named():
    model = trained()
    norm = model.get_layer("bn2")
    norm.moving_mean.assign(0 * norm.moving_mean)
    norm.moving_variance.assign(0 * norm.moving_variance + 1)
    found = {f.kind: f.layers for f in diagnose(model, *data()[2:]).findings}
    assert found["never_updated"] == ("bn2",)
    assert {layers for kind, layers in found.items() if kind != "never_updated"} <= {()}


@pytest.mark.thorough
def test_frozen_statistics_of_other_data_are_a_hint_unless_the_labels_say_that_they_harm():
    model = frozen(with_statistics(trained(), lambda mean: mean + 3), "bn1", "bn2")
    assert "frozen_elsewhere" in kinds(diagnose(model, data()[2]), hints=True)
    assert "frozen_elsewhere" in kinds(diagnose(model, *data()[2:]))
    right = frozen(trained(), "bn1", "bn2")
    assert not kinds(diagnose(right, data()[2]), hints=True)
    assert "frozen_elsewhere" in kinds(diagnose(right, invert(data()[2])), hints=True)


def test_the_momentum_of_a_frozen_layer_does_not_matter():
    model = frozen(trained(), "bn1", "bn2")
    for name in ("bn1", "bn2"):
        model.get_layer(name).momentum = 0.1
    assert diagnose(model, *data()[2:]).healthy
