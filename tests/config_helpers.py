"""Helpers for tests of the configuration: refusals, and good and bad values of every key."""

import pytest

from bnstudy.config.load import load_config, parse_set
from bnstudy.errors import UserError


def refusal(*args, **kwargs):
    """The message of a refused configuration, which is one line."""
    with pytest.raises(UserError) as caught:
        load_config(*args, **kwargs)
    return one_line(caught)


def one_line(caught):
    message = str(caught.value)
    assert message
    assert message.splitlines() == [message]
    return message


def set_refusal(*texts):
    return refusal(overrides=dict(map(parse_set, texts)))


LIMITS = {  # key -> (good values, bad values)
    "seed": ([0, 2**31 - 1], [-1, 2**31, 1.0, True, None, 10**5000]),
    "data.name": (["digits"], ["cifar", None, 1]),
    "data.dir": ([None, "x", "~/cifar"], ["", 1, True, "\udcff"]),
    "data.train_limit": ([None, 10], [9, 0, -1, 10.0, True, "all"]),
    "data.test_limit": ([None, 10], [9, 10.5, False]),
    "data.standardize": (["batch_pixels"], ["none", None]),
    "data.augment": ([True, False], [0, 1, "yes", None]),
    "model.width": ([1, 2, 0.25, 0.0053], [0, -1, 0.0052, 1 / 192, "1", True, 101, 1e17, 10**400]),
    "model.batch_norm": (["none", "keras", "custom"], [None, "Keras", True]),
    "model.weight_stddev": ([0.1, 1], [0, -0.1, None, 1e-300, 1e300]),
    "bn.placement": (["after_conv", "after_hidden_conv"], ["before"]),
    "bn.axes": (["activation"], [(0, 1, 2), [0]]),
    "bn.momentum": ([0, 0.5, 0.999], [1, 1.0, -0.1, "0.9", 0.99999999]),
    "bn.epsilon": ([1e-9, 1], [0, -1e-3, 1e-300, 1e300]),
    "bn.scale": ([False], ["false", 0]),
    "bn.center": ([False], ["false", 0]),
    "bn.moving_variance_init": ([0, 0.0, 2], [-0.1, None, 1e38]),
    "bn.debias": ([True], [1]),
    "bn.virtual_batch_size": ([None, 1, 25, 10**6], [0, -5, 5.0, True, "5"]),
    "bn.renorm": ([True], [1, "yes", None]),
    "bn.renorm_clipping": (
        [{"rmax": 1, "dmax": 0}, {"rmax": 3.5, "dmax": 1e30}],
        [
            *(None, 3, [3, 5], {}, {"rmax": 3}, {"rmax": 0.9, "dmax": 5}, {"rmax": 3, "dmax": -1}),
            *({"rmax": "3", "dmax": 5}, {"rmax": 3, "dmax": 5, "rmin": 0}),
        ],
    ),
    "bn.renorm_momentum": ([0, 0.9], [1, -0.1, "0.9"]),
    "bn.noise": ([True], [1, 0.5]),
    "bn.synchronized": ([True], [1, None]),
    "training.epochs": ([1, 10**6], [0, -1, 2.5, 2.0, True, "3", None, [3], {"a": 3}]),
    "training.batch_size": ([2, 50], [0, 1, 51, -2, 2.0, 10**20]),
    "training.gradients": (["manual", "as_posted"], ["auto"]),
    "training.precision": (["bfloat16"], ["float16", 32]),
    "training.on_divergence": (["stop", "record"], ["ignore", None]),
    "training.devices": ([1, 2, "auto"], [0, -1, 2.0, True, "2", "all", None, 1025]),
    "optimizer.name": (["sgd", "momentum", "adam", "amsgrad"], ["Adam", None]),
    "optimizer.variant": (["paper", "keras"], ["optax", "as_posted", "pytorch"]),
    "optimizer.learning_rate": ([1e-3, 1], [0, -1, "1e-3", None, 1e300]),
    "optimizer.decay": ([0, 0.5], [-1e-9]),
    "optimizer.double_every": ([None, 1, 2], [0, -1, 2.0, True]),
    "optimizer.beta_1": ([0, 0.5], [1, -0.1]),
    "optimizer.beta_2": ([0, 0.5], [1, 2, -0.1]),
    "optimizer.epsilon": ([1e-12], [0, -1e-8, 1e-300, 1e300]),
    "checkpoint.every_steps": ([None, 1, 10**6], [0, -1, 2.0, True]),
    "checkpoint.every_seconds": ([None, 1, 0.5], [0, -1, "60", True]),
    "checkpoint.keep_epochs": ([True], [1, None, "yes"]),
}
