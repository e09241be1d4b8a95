"""Probes of runs: which weights they look at, what they find there, tables and JSON."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from trained_helpers import config_of, random_arrays, write_finished_run

import bnstudy
from bnstudy.analysis.activations import activation_statistics
from bnstudy.analysis.probe import as_json, lines, probe
from bnstudy.data.dataset import balanced_subset, load_dataset
from bnstudy.data.standardize import standardizers
from bnstudy.errors import UserError
from bnstudy.model.all_cnn import Model
from bnstudy.run_folder import checkpoint, weights

CONFIG = config_of(
    "c",
    bn__placement="after_hidden_conv",
    training__batch_size=10,
    data__train_limit=50,
)
ARRAYS = [random_arrays(CONFIG, seed) for seed in (1, 2, 3)]
STATE = {"epoch": 1, "step": 2}  # five steps an epoch


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run of two epochs that has kept the first."""
    path = write_finished_run(tmp_path_factory.mktemp("probed") / "run", CONFIG, ARRAYS[2])
    weights.save_epoch(path, CONFIG, 1, ARRAYS[1])
    return path


@pytest.fixture(scope="module")
def found(folder):
    return probe(folder, images=24)


def expected(arrays):
    """What the layers of a network put out on the first images, with the batch's statistics."""
    dataset = load_dataset(CONFIG.data)
    images, _ = balanced_subset(dataset.train_images, dataset.train_labels, 20)
    model = Model(CONFIG)
    if arrays:
        model.assign(arrays)
    x = standardizers(dataset, CONFIG.data.standardize).train(tf.constant(images, tf.float32))
    parts = np.random.default_rng(0).permutation(20).reshape(2, 10)
    return activation_statistics(model, [tf.gather(x, part) for part in parts], training=True)


def test_it_looks_before_training_after_each_kept_epoch_and_at_the_end(found):
    assert [snapshot.epoch for snapshot in found.snapshots] == [0, 1, 2]
    assert found.images == 20  # two batches of ten; the rest fills none
    for snapshot, arrays in zip(found.snapshots, [None, *ARRAYS[1:]], strict=True):
        for layer, other in zip(snapshot.layers, expected(arrays), strict=True):
            assert layer.name == other.name
            np.testing.assert_allclose(layer.mean, other.mean, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(layer.deviation, other.deviation, rtol=1e-4, atol=1e-5)
        assert list(snapshot.gradients) == list(Model(CONFIG).parameters)
        assert min(snapshot.gradients.values()) > 0
    assert found.elus() == [f"elu{i}" for i in range(1, 10)]


@pytest.mark.thorough
def test_of_an_unfinished_run_the_newest_checkpoint_is_the_end(folder, tmp_path):
    unfinished = tmp_path / "run"
    shutil.copytree(folder, unfinished)
    (unfinished / "result.json").unlink()
    (unfinished / "weights.npz").unlink()
    (unfinished / "checkpoints").mkdir()
    checkpoint.save(unfinished / "checkpoints", 7, ARRAYS[0], STATE)
    snapshots = probe(unfinished, images=10).snapshots
    assert [snapshot.epoch for snapshot in snapshots] == [0, 1, 7 / 5]


def test_the_table_shows_what_was_measured(found):
    first, head, *rows = lines(found)
    assert first.startswith("epoch 2, 20 training images; saturated: below -0.99")
    titles = ("layer", "mean", "of its channels", "deviation", "saturated", "dead", "gradient")
    assert head.split() == " ".join(titles).split()
    table = {row.split()[0]: row.split()[1:] for row in rows[: rows.index("")]}
    end = found.snapshots[-1]
    assert list(table) == [layer.name for layer in end.layers]
    for layer in end.layers:
        cells = table[layer.name]
        assert cells[0] == f"{layer.mean.mean():.3f}"
        assert cells[1] == f"{layer.mean.min():.3f}"
        assert cells[3] == f"{layer.mean.max():.3f}"
        assert cells[4] == f"{layer.deviation.mean():.3f}"
        if layer.saturated is not None:
            assert cells[5:] == [f"{layer.saturated:.2%}", f"{layer.dead:.1%}"]
    assert table["conv4"][5:] == [f"{end.gradients['conv4/w']:.3g}"]
    both = np.hypot(end.gradients["bn4/gamma"], end.gradients["bn4/beta"])
    assert table["bn4"][5:] == [f"{both:.3g}"]
    *_, before, middle, last = rows
    assert [row.split()[0] for row in (before, middle, last)] == ["0", "1", "2"]
    norm = np.linalg.norm(list(end.gradients.values()))
    assert last.split()[-1] == f"{norm:.3g}"


def test_json_holds_everything(found):
    written = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert written["images"] == 20
    assert len(written["histogram_edges"]) == 161
    snapshot, (_, _, end) = written["snapshots"][2], found.snapshots
    assert snapshot["gradients"] == end.gradients
    for layer in end.layers:
        of_layer = snapshot["layers"][layer.name]
        assert of_layer["mean"] == layer.mean.tolist()
        assert of_layer["deviation"] == layer.deviation.tolist()
        assert of_layer["histogram"] == layer.counts.tolist()
        assert (of_layer["saturated"], of_layer["dead"]) == (layer.saturated, layer.dead)


def test_a_gradient_that_is_not_finite_is_null_in_json(found):
    end = found.snapshots[-1]
    mean = np.array([np.inf, 1.0])
    layer = end.layers[0]._replace(mean=mean, deviation=-mean)
    broken = end._replace(layers=[layer], gradients={"conv1/w": np.nan, "conv2/w": 2.0})
    (snapshot,) = as_json(found._replace(snapshots=[broken]))["snapshots"]
    assert snapshot["gradients"] == {"conv1/w": None, "conv2/w": 2.0}
    assert snapshot["layers"]["conv1"]["mean"] == [None, 1.0]
    assert snapshot["layers"]["conv1"]["deviation"] == [None, -1.0]


@pytest.mark.parametrize("images", [1, 0, -5])
def test_too_few_images_are_refused(folder, images):
    with pytest.raises(UserError, match=rf"images is {images}, must be at least 2"):
        probe(folder, images)


@pytest.mark.thorough
def test_batches_are_made_of_whole_ghost_batches(tmp_path):
    config = config_of("c ghost batches", training__batch_size=16, data__train_limit=48)
    path = write_finished_run(tmp_path / "run", config, random_arrays(config))
    assert probe(path, images=13).images == 8
    with pytest.raises(UserError, match=r"images is 7, must be at least 8"):
        probe(path, images=7)


@pytest.mark.thorough
def test_the_page_s_example_runs(folder):
    from bnstudy.data import digits

    page = (Path(__file__).parents[2] / "docs" / "trained_networks.md").read_text()
    (code,) = (b for b in page.split("```python\n") if "probe_figure" in b)
    _, _, images, labels = digits.load()
    code = code.partition("```")[0].replace("logs/case-c_quick_seed-0", str(folder))
    names = {"bnstudy": bnstudy, "images": images, "labels": labels}
    exec(code.replace("images=100", "images=10"), names)
    assert names["found"].images == 10


def test_weights_of_another_network_are_refused(tmp_path):
    arrays = {**ARRAYS[0], "conv1/w": np.zeros((3, 3, 3, 99), np.float32)}
    path = write_finished_run(tmp_path / "run", CONFIG, arrays)
    with pytest.raises(UserError, match=r"run holds another network: conv1/w has shape"):
        probe(path, images=10)
