"""Run folders of networks that nobody trained: random weights and statistics, none degenerate."""

import dataclasses
import json

import numpy as np

import bnstudy
from bnstudy.data import digits
from bnstudy.data.dataset import load_dataset
from bnstudy.data.standardize import standardizers
from bnstudy.run_folder import weights
from bnstudy.run_folder.files import write_text_atomic
from bnstudy.run_folder.log import EpochMetrics, result_from, write_metrics

# Every way in which a network can differ for those who read its weights.
CONFIGURATIONS = {
    "a": ("a", [], {}),
    "b": ("b", [], {}),
    "c": ("c", [], {}),
    "c after_conv": ("c", [], {"bn.placement": "after_conv"}),
    "c activation": ("c", [], {"bn.axes": "activation"}),
    "b activation after_conv": (
        "b",
        [],
        {"bn.axes": "activation", "bn.placement": "after_conv", "bn.scale": False},
    ),
    "b no scale": ("b", [], {"bn.scale": False, "bn.epsilon": 0.2}),
    "c no center": ("c", [], {"bn.center": False, "bn.epsilon": 0.2}),
    "c debias": ("c", [], {"bn.debias": True, "bn.moving_variance_init": 0.4}),
    "c ghost batches": ("c", [], {"bn.virtual_batch_size": 8}),
    "c renorm": ("c", [], {"bn.renorm": True}),
    "c renorm debias activation": (
        "c",
        [],
        {"bn.renorm": True, "bn.debias": True, "bn.axes": "activation"},
    ),
    "c noise": ("c", [], {"bn.noise": True, "bn.placement": "after_hidden_conv"}),
    "a noise": ("a", [], {"bn.noise": True}),
    "a batch_pixels": ("a", [], {"data.standardize": "batch_pixels"}),
    "c as_posted": ("c", ["as_posted"], {}),
}


def config_of(name, **overrides):
    """Return one of the configurations, on the digits and very narrow."""
    case, presets, changes = CONFIGURATIONS[name]
    small = {"model.width": 0.05, "training.epochs": 2, "data.test_limit": 30}
    changes = {**small, **changes, **{k.replace("__", "."): v for k, v in overrides.items()}}
    return bnstudy.load_config(case, ["quick", *presets], overrides=changes)


def random_arrays(config, seed=0):
    """Return weights for a configuration."""
    from bnstudy.model.all_cnn import Model

    random, model = np.random.default_rng(seed), Model(config)
    arrays = {}
    for name, variable in {**model.parameters, **model.statistics}.items():
        normal = random.standard_normal(tuple(variable.shape))
        inputs = np.prod(variable.shape[:-1])
        value = {
            "w": normal * np.sqrt((20 if name == "conv9/w" else 1.5) / inputs),
            "gamma": 1 + 0.3 * normal,
            "beta": 0.3 * normal,
            "moving_mean": 0.3 * normal,
            "moving_variance": 0.8 + np.abs(normal),
            "moving_stddev": 1.1 + 0.4 * np.abs(normal),
            "renorm_mean": 0.2 * normal,
            "renorm_stddev": 0.9 + np.abs(normal),
            "updates": np.array(3),
        }[name.partition("/")[2]]
        arrays[name] = value.astype(variable.numpy().dtype)
    standardization = standardizers(load_dataset(config.data), config.data.standardize).test
    return arrays | {f"standardization/{name}": a for name, a in vars(standardization).items()}


def write_finished_run(folder, config, arrays=None):
    """Write the folder of a finished run, with weights.npz if arrays are given."""
    folder.mkdir()
    row = EpochMetrics(1, 1e-3, 100, 2.0, 0.25, 2.5, 0.125, 1.0, 1.0)
    rows = [
        row._replace(epoch=epoch, images=100 * epoch)
        for epoch in range(1, config.training.epochs + 1)
    ]
    write_text_atomic(folder / "config.yaml", config.to_yaml())
    write_metrics(folder, rows)
    (folder / "result.json").write_text(json.dumps(result_from(rows, config, 1)))
    if arrays is not None:
        weights.save(folder / weights.FILE, config, arrays)
    return folder


def probabilities_in_numpy(network, images):
    """Compute what `predict` does in float64 with the network of the gradient check in NumPy."""
    from bnstudy.gradient_check import numpy_network

    config, found = network.run.config, weights.load(network.run.folder).arrays
    arrays = {name: np.asarray(array, np.float64) for name, array in found.items()}
    numpy = numpy_network.Network(
        arrays=arrays,
        labels=np.zeros(len(images), np.int64),
        axes=(0, 1, 2) if config.bn.axes == "channel" else (0,),
        epsilon=config.bn.epsilon,
        training=False,
        momentum=config.bn.momentum,
        initial=config.bn.moving_variance_init if config.bn.debias else None,
        renorm=numpy_network.Renorm(1.0, 0.0, 0.0) if config.bn.renorm else None,
    )
    x = (images - arrays["standardization/mean"]) / arrays["standardization/stddev"]
    logits = numpy_network.apply_layers([layer.name for layer in network.model.layers], x, numpy)
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def some_images(count=5, seed=1):
    """Return raw images: digits with noise, their channels different."""
    noise = np.random.default_rng(seed).integers(0, 40, (count, 32, 32, 3), dtype=np.uint8)
    return digits.load()[2][:count] // 2 + noise


def with_precision(network, precision):
    """Return the log of a network's run as if it had another precision."""
    training = network.run.config.training.model_copy(update={"precision": precision})
    config = network.run.config.model_copy(update={"training": training})
    return dataclasses.replace(network.run, config=config)
