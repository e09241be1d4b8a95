"""Train on several devices and on one, in a process that has four; print the differences as JSON.

    python tests/several_devices.py

Steps are compared in float64, and runs, with their checkpoints, as they are.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

import bnstudy
from bnstudy.backend import devices, xla
from bnstudy.data.dataset import load_dataset
from bnstudy.errors import UserError
from bnstudy.runner.progress import ProgressBar
from bnstudy.runner.replicas import copy_to_all, make_replicas, make_replicated_step
from bnstudy.runner.steps import make_sums, make_train_step
from bnstudy.runner.training import Training

SMALL = {"model.width": 0.05, "training.batch_size": 8, "bn.synchronized": True}
ORIGINALS = [4, 3, 1]  # of the batches: the last leaves replicas without an image
STEPS = {  # name -> case, devices, changes
    "case c": ("c", 2, {}),
    "case c on four devices": ("c", 4, {}),
    "case c, automatic gradients": ("c", 2, {"training.gradients": "autodiff"}),
    "case c, per activation": ("c", 2, {"bn.axes": "activation"}),
    "case c, gradients as posted": ("c", 2, {"training.gradients": "as_posted"}),
    "case c, compiled": ("c", 2, {}),
    "case b": ("b", 2, {}),
    "case b, gradients by hand": ("b", 2, {"training.gradients": "manual"}),
    "case a": ("a", 2, {"bn.synchronized": False}),
}
RUN = {
    "model.width": 0.05,
    "data.augment": True,
    "data.train_limit": 21,
    "data.test_limit": 20,
    "training.batch_size": 8,
    "training.epochs": 2,
}  # 6 steps an epoch, the last of one image and its copy


def batches(originals):
    """Yield images with their copies, and labels."""
    random = np.random.default_rng(0)
    for count in originals:
        images = random.standard_normal((2 * count, 32, 32, 3)).astype(np.float32) + 1
        yield images, np.tile(random.integers(10, size=count), 2)


def steps(config, count, data):
    """Train in float64 on this number of devices; return the replicas and the running sums."""
    names = devices.choose(count)
    replicas = make_replicas(config, tf.float64, tf.float64, names)
    random = np.random.default_rng(1)
    for name, variable in replicas[0].model.parameters.items():
        if "/w" not in name:  # gamma is not 1, beta not 0
            variable.assign_add(random.uniform(-0.5, 0.5, variable.shape))
    copy_to_all(replicas)
    if count == 1:
        step = make_train_step(*replicas[0], config.training.gradients)
    else:
        step = make_replicated_step(replicas, names, config)
    sums = make_sums()
    for number, (images, labels) in enumerate(data):
        sums = step(tf.constant(images), tf.constant(labels), 3e-4, number, sums)
    return replicas, sums


def distance(one, other):
    """Return the largest difference of two sets of variables, relative to the largest number."""
    pairs = [(one[name].numpy().astype(float), other[name].numpy()) for name in one]
    return max(float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30)) for a, b in pairs)


def equal(replicas):
    """Return whether all replicas have the same variables, bit for bit."""
    first, *others = replicas
    return all(
        value.numpy().tobytes() == other.variables[name].numpy().tobytes()
        for name, value in first.variables.items()
        for other in others
    )


def compared(replicas, sums, right, right_sums):
    """Compare a network that several devices trained with that of one."""
    (right,) = right
    return {
        "variables": distance(right.variables, replicas[0].variables),
        "statistics": distance(right.model.statistics, replicas[0].model.statistics)
        if right.model.statistics
        else 0.0,
        "cost": abs(float(sums.cost / right_sums.cost) - 1),
        "correct": int(sums.correct - right_sums.correct),
        "replicas are equal": equal(replicas),
    }


def one_step(name):
    """Compare one row of STEPS with the same on one device."""
    case, count, changes = STEPS[name]
    config = bnstudy.load_config(
        case, ["quick"], overrides={**SMALL, "data.augment": True, **changes}
    )
    several = config.model_copy(
        update={"training": config.training.model_copy(update={"devices": count})}
    )
    xla.enabled = "compiled" in name
    many = steps(several, count, batches(ORIGINALS))
    one = steps(config, 1, batches(ORIGINALS))
    xla.enabled = False
    return compared(*many, *one)


def ghosts():
    """Compare statistics of each device with ghost batches of the same images."""
    several = {**SMALL, "bn.synchronized": False, "data.augment": True, "training.devices": 2}
    ghost = {**SMALL, "bn.virtual_batch_size": 4, "data.augment": False}
    data = list(batches([4, 4]))
    order = np.array([0, 1, 2, 3, 4, 5, 6, 7])
    parts = [devices.part_of(tf.constant(order), number, 2, 2).numpy() for number in (0, 1)]
    order = np.stack(parts, 1).ravel()  # image n belongs to ghost batch n mod 2
    many = steps(bnstudy.load_config("c", ["quick"], overrides=several), 2, data)
    one = steps(
        bnstudy.load_config("c", ["quick"], overrides=ghost),
        1,
        [(x[order], y[order]) for x, y in data],
    )
    return compared(*many, *one)


def train(count, folder, epochs, **changes):
    """Continue a run in the folder, if there is one there; return it."""
    overrides = {**RUN, "bn.synchronized": True, "training.devices": count, **changes}
    config = bnstudy.load_config("c", ["quick"], overrides=overrides)
    training = Training(config, load_dataset(config.data))
    training.restore(folder)
    for _ in range(epochs):
        training.train_epoch(ProgressBar(2, 42), after_step=lambda: None)
        training.finish_epoch(after_batch=lambda: None)
    return training


def runs():
    """Continue a checkpoint of two devices on one, two and four, and compare."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        begun = train(2, Path(place, "none"), 1)
        begun.save(Path(place))
        start = {name: v.numpy() for name, v in begun.variables.items()}
        ended = {count: train(count, Path(place), 1) for count in (1, 2, 4)}
        begun.train_epoch(ProgressBar(2, 42), after_step=lambda: None)
        row = begun.finish_epoch(after_batch=lambda: None)
    for count, training in ended.items():
        found[str(count)] = {
            "variables": distance(begun.variables, training.variables),
            "bits": equal([begun.replicas[0], training.replicas[0]]),
            "replicas are equal": equal(training.replicas),
            "cost": abs(training.state.rows[-1].train_cost / row.train_cost - 1),
        }
    found["moved"] = min(
        float(np.abs(v.numpy() - start[n]).max()) for n, v in begun.variables.items()
    )
    return found


def refusals():
    """Return what several devices are refused with."""
    said = {}
    for name, count, changes in (
        ("a last batch", 2, {"bn.synchronized": False}),
        ("more devices", 5, {"training.batch_size": 50}),
    ):
        try:
            train(count, Path("nowhere"), 0, **changes)
        except UserError as error:
            said[name] = str(error)
    return said


def main():
    """Print everything that the tests compare."""
    devices.choose(4)  # before TensorFlow starts
    xla.enabled = False  # but where a row says so
    found = {"steps": {name: one_step(name) for name in STEPS}, "ghosts": ghosts()}
    found |= {"runs": runs(), "bfloat16": {}, "refusals": refusals()}
    half = train(2, Path("nowhere"), 1, **{"training.precision": "bfloat16"})
    found["bfloat16"] = {
        "replicas are equal": equal(half.replicas),
        "cost": half.state.rows[-1].train_cost,
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    sys.exit(main())
