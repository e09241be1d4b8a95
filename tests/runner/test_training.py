"""A run in memory: its metrics, what determines it, and the checkpoints that it accepts."""

import hashlib
import io
import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from helpers import config
from kill_and_resume import differences, small_config
from marks import all_but

import bnstudy
from bnstudy.config.schema import KEYS
from bnstudy.data.dataset import load_dataset
from bnstudy.manual import softmax_cross_entropy
from bnstudy.run_folder import checkpoint
from bnstudy.run_folder.files import write_text_atomic
from bnstudy.runner import loop, training
from bnstudy.runner.progress import ProgressBar
from bnstudy.runner.training import Training

CONFIG = small_config("c", "float32", "manual")  # 7 steps an epoch, 3 epochs
SMALL = {
    "data__train_limit": 53,
    "data__test_limit": 47,
    "training__batch_size": 20,
    "training__epochs": 2,
    "optimizer__learning_rate": 3e-4,
}


def make_training(configured):
    return Training(configured, load_dataset(configured.data))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "changes", [{"bn__virtual_batch_size": 2}, {"bn__renorm": True}, {"bn__noise": True}]
)
def test_the_relatives_of_batch_norm_continue_bit_for_bit(changes, tmp_path):
    """All of their averages are saved, and the noise and the limits know the step of the run."""
    one, other = (make_training(config("c", **SMALL, **changes)) for _ in range(2))
    start = {name: variable.numpy() for name, variable in one.model.statistics.items()}
    for _ in range(2):
        one.save(tmp_path)
        one.train_epoch(ProgressBar(2, 106), after_step=lambda: None)
        one.finish_epoch(after_batch=lambda: None)
    other.restore(tmp_path)
    assert other.state.epoch == 1
    other.train_epoch(ProgressBar(2, 106), after_step=lambda: None)
    other.finish_epoch(after_batch=lambda: None)
    for name, variable in one.variables.items():
        np.testing.assert_array_equal(variable, other.variables[name], err_msg=name)
    for name, value in start.items():
        assert np.abs(one.variables[name] - value).max() > 0, name


# ------------------------------------------------------------------------------- an epoch


def test_training_metrics_are_means_over_images_not_over_batches():
    """With 20 + 20 + 20 + 20 + 20 + 6 images, the mean of the batches' costs is another number."""
    trained, seen = make_training(config("a", **SMALL)), []
    train_step = trained.train_step

    def spy(images, labels, rate, step, sums):
        logits, _ = trained.model.forward(images, training=True)
        cost, _ = softmax_cross_entropy.forward(logits, labels)
        correct = np.sum(np.argmax(logits, 1) == labels)
        seen.append((float(cost), correct, len(labels)))
        return train_step(images, labels, rate, step, sums)

    trained.train_step = spy
    trained.train_epoch(ProgressBar(2, 106), after_step=lambda: None)
    row = trained.finish_epoch(after_batch=lambda: None)
    costs, correct, counts = np.array(seen).T
    assert list(counts) == [20] * 5 + [6]
    assert row.train_cost == pytest.approx(np.average(costs, weights=counts), rel=1e-6)
    assert row.train_cost != pytest.approx(costs.mean(), rel=1e-4)
    assert row.train_accuracy == correct.sum() / 106
    assert row.images == 106


@pytest.mark.parametrize("case", ["a", "c"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_trains_as_its_configuration_says(monkeypatch, case, precision):
    told, make = [], training.make_train_step
    monkeypatch.setattr(training, "make_train_step", lambda *args: told.append(args) or make(*args))
    posted = {"data__standardize": "batch_pixels", "training__precision": precision}
    trained = make_training(config(case, **{**SMALL, **posted}))
    ((model, optimizer, gradients, steps),) = told
    assert steps == 2 * 6  # of the whole run: epochs, and batches of 10 of 53 images and copies
    assert gradients == {"a": "autodiff", "c": "manual"}[case]
    assert model.compute_dtype == getattr(tf, precision)
    kept = {v.dtype for v in trained.variables.values() if v.dtype.is_floating}
    assert kept == {tf.float32}  # weights, moving statistics and moments, whatever the precision
    assert ("conv1/w/v_max" in optimizer.state) == (case == "c")

    rates, steps = [], []

    def record(images, labels, rate, step, sums):  # without training: it would have to be compiled
        rates.append(float(rate))
        steps.append(step)
        return sums

    trained.train_step = record
    trained.evaluate = lambda *args, **kwargs: (1.0, 0.5)
    for epoch in range(2):
        trained.train_epoch(ProgressBar(2, 106), after_step=lambda: None)
        row = trained.finish_epoch(after_batch=lambda: None)
        assert row.learning_rate == 3e-4 / (1 + 0.001 * epoch)
    assert rates == [3e-4] * 6 + [3e-4 / 1.001] * 6  # the decay counts whole epochs
    assert steps == list(range(12))


@pytest.mark.parametrize(
    ("case", "optimizer"),
    all_but(
        [("a", "sgd"), ("b", "adam"), ("c", "momentum"), ("c", "amsgrad")],
        itertools.product("abc", ["sgd", "momentum", "adam", "amsgrad"]),
    ),
)
def test_every_case_trains_with_every_optimizer(case, optimizer):
    changes = {**SMALL, "data__train_limit": 20, "training__batch_size": 40}  # one step
    trained = make_training(config(case, optimizer__name=optimizer, **changes))
    before = {name: v.numpy() for name, v in trained.model.parameters.items()}
    trained.train_epoch(ProgressBar(1, 40), after_step=lambda: None)
    for name, variable in trained.model.parameters.items():
        assert np.isfinite(variable).all()
        assert np.any(variable != before[name]), name


def test_test_images_are_standardized_by_the_test_set_under_batch_pixels():
    """Not batch by batch: the metrics must not depend on how the test set is cut."""
    trained = make_training(config("a", **{**SMALL, "data__standardize": "batch_pixels"}))
    images, labels = trained.dataset.test_images, trained.dataset.test_labels
    at_once = trained.evaluate(images, labels, 47)
    parts = trained.evaluate(images, labels, 5)
    assert parts[0] == pytest.approx(at_once[0], rel=1e-6)
    assert parts[1] == at_once[1]


def test_the_seed_decides_weights_and_batches():
    def start(seed):
        trained = make_training(config("c", seed=seed, **SMALL))
        images, labels = next(iter(trained.batches.epoch(0)))
        return trained.model.parameters["conv5/w"].numpy(), images.numpy(), labels.numpy()

    for first, again, other in zip(start(0), start(0), start(1), strict=True):
        np.testing.assert_array_equal(first, again)
        assert np.any(first != other)


# ------------------------------------------------------------------------------- checkpoints


def test_a_weight_that_is_not_finite_is_not_saved(tmp_path):
    trained = make_training(config("a", **SMALL))
    weight = trained.model.parameters["conv5/w"]
    weight.assign(tf.where(weight > 0, weight, np.nan))
    with pytest.raises(bnstudy.UserError, match="conv5/w holds a number that is not finite"):
        trained.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def change_checkpoint(folder, change):
    """Save the newest checkpoint again, as a later step, after a change of its arrays and state."""
    arrays, state = checkpoint.load_newest(folder / "checkpoints")
    change(arrays, state)
    checkpoint.save(folder / "checkpoints", 99, arrays, state)


@pytest.mark.parametrize(
    "variant",
    [
        ("b", "float32", "autodiff"),
        pytest.param(("a", "bfloat16", "manual"), marks=pytest.mark.thorough),
        pytest.param(
            ("c", "bfloat16", "manual"), marks=[pytest.mark.compiled, pytest.mark.thorough]
        ),
    ],
    ids=" ".join,
)
def test_a_restored_training_goes_on_as_the_one_that_was_saved(tmp_path, monkeypatch, variant):
    monkeypatch.setattr(training, "SYNC_INTERVAL", 1e9)  # `save` must copy the sums by itself
    configured = small_config(*variant)
    first, second = make_training(configured), make_training(configured)

    def save_in_the_middle():
        if first.step == 4:
            first.save(tmp_path)

    first.train_epoch(ProgressBar(3, 140), save_in_the_middle)
    second.restore(tmp_path)
    assert second.step == 4
    second.train_epoch(ProgressBar(3, 140), lambda: None)
    assert second.step == first.step == 7
    for one, other in (
        (first.model.parameters, second.model.parameters),
        (first.model.statistics, second.model.statistics),
        (first.optimizer.state, second.optimizer.state),
    ):
        for name, variable in one.items():
            np.testing.assert_array_equal(variable.numpy(), other[name].numpy(), name, strict=True)
    for name in ("epoch", "step", "images", "cost_sum", "correct"):
        assert getattr(first.state, name) == getattr(second.state, name)


def cut_a_kernel(arrays, state):
    arrays["conv1/w"] = arrays["conv1/w"][..., 1:]


def drop_a_moment(arrays, state):
    del arrays["conv1/w/v_max"]


def drop_the_position(arrays, state):
    del state["step"]


@pytest.mark.parametrize("change", [cut_a_kernel, drop_a_moment, drop_the_position])
def test_a_checkpoint_of_another_network_is_refused(unfinished, change):
    change_checkpoint(unfinished, change)
    with pytest.raises(bnstudy.UserError, match="of another network or version"):
        bnstudy.run(CONFIG, unfinished)


def test_a_checkpoint_under_an_edited_configuration_is_refused(unfinished):
    other = small_config("c", "float32", "manual", seed=7)
    (unfinished / "config.yaml").write_text(other.to_yaml())
    with pytest.raises(bnstudy.UserError, match="of another configuration or of other images"):
        bnstudy.run(other, unfinished)


def test_other_images_under_the_same_name_are_refused(unfinished, monkeypatch):
    load = loop.load_dataset

    def changed(options):
        dataset = load(options)
        dataset.test_images[3, 4, 5, 0] ^= 1
        return dataset

    monkeypatch.setattr(loop, "load_dataset", changed)
    with pytest.raises(bnstudy.UserError, match="of another configuration or of other images"):
        bnstudy.run(CONFIG, unfinished)


def without(unfinished, *keys):
    """Remove keys from a folder, as if it had been made before they existed."""
    values = {key: value for key, value in CONFIG.flat().items() if key not in keys}
    assert len(values) == len(KEYS) - len(keys)
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())
    write_text_atomic(unfinished / "config.yaml", text)
    change_checkpoint(
        unfinished, lambda _, state: [state["made_by"]["config"].pop(key, None) for key in keys]
    )


def test_a_folder_from_before_a_key_existed_continues_at_its_default(undisturbed, unfinished):
    without(unfinished, "optimizer.decay", "bn.debias")  # CONFIG has both at their default
    bnstudy.run(CONFIG, unfinished)
    assert differences(unfinished, undisturbed) == []


def test_a_folder_from_before_a_key_existed_is_refused_when_it_is_set(unfinished):
    without(unfinished, "bn.momentum")  # CONFIG has 0.9, the default is 0.99
    with pytest.raises(bnstudy.UserError, match=r"bn\.momentum: 0\.9 here, 0\.99 there"):
        bnstudy.run(CONFIG, unfinished)
    write_text_atomic(unfinished / "config.yaml", CONFIG.to_yaml())  # its checkpoint still differs
    with pytest.raises(bnstudy.UserError, match="the checkpoint is of another configuration"):
        bnstudy.run(CONFIG, unfinished)


def test_a_checkpoint_of_version_0_1_continues(undisturbed, unfinished):
    """Its state is called "progress" and has a checksum "of" the keys; nothing is standardized."""
    folder = unfinished / "checkpoints"
    arrays, state = checkpoint.load(folder / "step-00000018.npz")  # in the middle of an epoch
    del state["made_by"]
    state["of"] = "0" * 64
    content = {n: a for n, a in arrays.items() if not n.startswith("standardization/")}
    content["progress"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    digest = hashlib.sha256()
    for name, array in sorted(content.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    buffer = io.BytesIO()
    np.savez(buffer, **content, sha256=np.frombuffer(digest.digest(), np.uint8))
    (folder / "step-00000021.npz").unlink()
    (folder / "step-00000018.npz").write_bytes(buffer.getvalue())
    bnstudy.run(CONFIG, unfinished)
    assert differences(unfinished, undisturbed) == []
