"""Outputs that depend on the statistics."""

import pytest
from doctor_helpers import SICK, data, trained
from marks import thorough

from bnstudy.doctor.diagnosis import diagnose


def found(diagnosis):
    return {finding.kind: finding for finding in diagnosis.findings if not finding.is_hint}


@pytest.mark.parametrize("name", ["training=True inside", *thorough("batches of one")])
def test_outputs_that_need_the_batch_are_found(name):
    make, expected = SICK[name]
    assert expected <= set(found(diagnose(*make())))


def test_the_layer_that_does_it_is_named():
    model = trained()
    norm = model.get_layer("bn2")
    norm.moving_mean.assign(norm.moving_mean + 4 * norm.moving_variance**0.5)
    finding = found(diagnose(model, *data()[2:]))["accuracy"]
    assert "; bn2 alone: " in finding.measured
    finding = found(diagnose(model, data()[2]))["outputs"]
    assert "; bn2 alone: " in finding.measured


def test_the_dependence_on_other_images_is_measured():
    finding = found(diagnose(*SICK["training=True inside"][0]()))["always_training"]
    assert 0 < finding.size < 0.5
    assert finding.layers == ("bn1", "bn2")
