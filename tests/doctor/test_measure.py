"""What is measured of a model."""

import numpy as np
from doctor_helpers import data, trained

from bnstudy.doctor import measure
from bnstudy.doctor.measure import ACTIVATIONS


def test_the_images_are_shuffled_with_their_labels():
    _, _, x, y = data()
    order = np.argsort(y, kind="stable")
    model = trained()
    sorted_, mixed = (measure.measure(model, x[at], y[at]) for at in (order, np.arange(len(x))))
    right = [np.mean(m.moving[0].argmax(axis=1) == m.labels) for m in (sorted_, mixed)]
    assert right[0] == right[1] > 0.9
    assert len(set(sorted_.labels[:32])) > 5


def test_no_more_images_are_used_than_memory_holds(monkeypatch):
    _, _, x, y = data()
    monkeypatch.setattr(measure, "SOME", 200)
    largest = 4 * 64  # bytes: an image is larger than what the layers make of it
    monkeypatch.setattr(measure, "MEMORY", 300 * ACTIVATIONS * largest)
    measured = measure.measure(trained(), x, y)
    assert (measured.images, measured.given) == (300, 360)
    assert len(measured.moving[0]) == len(measured.labels) == 300
    assert len(measured.single[0]) == 200


def test_the_steps_are_those_of_the_optimizer():
    model = trained()
    assert measure.measure(model, data()[2], None).steps is None
    model.compile("sgd", "mse")
    assert measure.measure(model, data()[2], None).steps is None
    model.optimizer.iterations.assign(77)
    assert measure.measure(model, data()[2], None).steps == 77


def test_the_blame_is_the_layers_that_changes_the_outputs_most():
    model = trained()
    norm = model.get_layer("bn1")
    norm.moving_variance.assign(16 * norm.moving_variance)
    name, size = measure.measure(model, data()[2], None).blame
    assert name == "bn1"
    assert size > 0.05
