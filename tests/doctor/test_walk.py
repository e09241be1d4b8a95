"""Finding the batch norms of a model, whichever way it was built."""

import keras
import numpy as np
from doctor_helpers import cnn, mlp, resnet
from keras import layers as L

from bnstudy.doctor.walk import places

IMAGES = np.random.default_rng(0).random((2, 8, 8, 1), np.float32)


def names(model):
    return [place.name for place in places(model, IMAGES)[0]]


def test_a_sequential_model_is_walked_from_the_first_layer_to_the_last():
    found, largest = places(cnn(4), IMAGES)
    assert [place.name for place in found] == ["bn1", "bn2", "bn3"]
    assert [(place.size, place.rank) for place in found] == [(64, 4), (64, 4), (16, 4)]
    assert all(isinstance(place.before, L.Conv2D) for place in found)
    assert not any(place.frozen or place.always or place.written_false for place in found)
    assert largest == 4 * 8 * 8 * 8  # float32, 8 channels


def test_branches_are_walked_in_the_order_of_the_forward_pass():
    assert names(resnet()) == ["bn1a", "bn1b", "bn2a", "bn2b", "bn_last"]


def test_layers_of_nested_models_are_found_and_told_apart():
    def part():
        inner = keras.Input((8, 8, 3))
        return keras.Model(inner, L.BatchNormalization(name="bn")(inner))

    images = keras.Input((8, 8, 1))
    first, second = part(), part()
    model = keras.Model(images, second(L.ReLU()(first(L.Conv2D(3, 3, padding="same")(images)))))
    found, _ = places(model, IMAGES)
    assert [place.layer for place in found] == [first.layers[-1], second.layers[-1]]
    assert len({place.name for place in found}) == 2
    assert all(place.name.endswith("bn") for place in found)
    assert isinstance(found[0].before, L.Conv2D)


def test_a_class_of_ones_own_and_wrappers_are_walked():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.norm = L.BatchNormalization(name="second")
            self.rows = L.TimeDistributed(L.BatchNormalization(name="first"))

        def call(self, images, training=None):
            return self.norm(self.rows(images, training=training) * 2, training=training)

    model = Own()
    model(IMAGES)
    found, _ = places(model, IMAGES)
    assert [place.name for place in found] == ["first", "second"]
    assert not any(place.frozen or place.always for place in found)


def test_a_shared_layer_is_one_place_with_several_calls():
    images = keras.Input((8, 8, 1))
    norm = L.BatchNormalization(name="shared")
    model = keras.Model(images, norm(norm(images)) + norm(images))
    (place,), _ = places(model, IMAGES)
    assert place.calls == 3


def test_what_is_written_into_the_model_is_told_from_what_is_passed_to_it():
    images = keras.Input((8, 8, 1))
    x = L.BatchNormalization(name="always")(images, training=True)
    x = L.BatchNormalization(name="never")(x, training=False)
    x = L.BatchNormalization(name="frozen", trainable=False)(x, training=True)
    x = cnn(2)(x, training=False)
    found, _ = places(keras.Model(images, x), IMAGES)
    assert [place.name for place in found if place.always] == ["always"]
    assert [place.name for place in found if place.frozen] == ["frozen"]
    assert [p.name for p in found if p.written_false] == ["never", "bn1", "bn2", "bn3"]


def test_a_model_of_ones_own_decides_the_mode_itself():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.never, self.always = (L.BatchNormalization(name=n) for n in ("never", "always"))

        def call(self, images):
            return self.always(self.never(images, training=False), training=True)

    model = Own()
    model(IMAGES)
    found, _ = places(model, IMAGES)
    assert [(place.name, place.frozen, place.always) for place in found] == [
        ("never", True, False),
        ("always", False, True),
    ]


def test_noise_is_found_behind_other_layers_and_not_behind_a_batch_norm():
    images = keras.Input((8, 8, 1))
    x = L.Dropout(0.5, name="noise")(images)
    x = L.Add()([images, L.ReLU()(L.Conv2D(1, 1)(x))])
    x = L.BatchNormalization(name="near")(x)
    x = L.BatchNormalization(name="behind")(L.Dropout(0.0)(x))
    found, _ = places(keras.Model(images, L.Dropout(0.5)(x)), IMAGES)
    assert [place.noise for place in found] == ["noise", ""]


def test_the_model_is_as_it_was():
    model = mlp(before=lambda name: L.Dropout(0.5, name=name))
    before = [variable.numpy() for variable in model.variables]
    places(model, IMAGES)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert all("call" not in layer.__dict__ for layer in model.layers)
