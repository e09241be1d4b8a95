"""Batch norms, data sets and optimizers by name, and where each is implemented.

To add one, write a module of its own, a row here, and its name in configs/base.yaml. The places
are names, "module" or "module:attribute", for `pkgutil.resolve_name`, so that a configuration can
be checked without TensorFlow.
"""

from typing import NamedTuple

# model.batch_norm -> a class with the constructor of model.batch_norm.BatchNorm
BATCH_NORMS = {
    "none": None,
    "keras": "bnstudy.model.batch_norm:KerasBatchNorm",
    "custom": "bnstudy.model.batch_norm:BatchNorm",
}

# data.name -> a function of the group `data` that returns the four arrays of a data.dataset.Dataset
DATASETS = {
    "cifar10": "bnstudy.data.cifar10:load_configured",
    "digits": "bnstudy.data.digits:load_configured",
}


class OptimizerEntry(NamedTuple):
    """An optimizer: a module with `init` and `update`."""

    module: str
    variants: tuple[str, ...]  # of optimizer.variant
    arguments: dict[str, str]  # keyword argument of `update` -> key of the group `optimizer`


_MOMENTS = {"beta_1": "beta_1", "beta_2": "beta_2", "epsilon": "epsilon", "variant": "variant"}
OPTIMIZERS = {
    "sgd": OptimizerEntry("bnstudy.manual.sgd", ("paper",), {}),
    "momentum": OptimizerEntry("bnstudy.manual.sgd", ("paper",), {"momentum": "beta_1"}),
    "adam": OptimizerEntry("bnstudy.manual.adam", ("paper", "keras"), _MOMENTS),
    "amsgrad": OptimizerEntry(
        "bnstudy.manual.amsgrad", ("paper", "keras", "optax", "as_posted"), _MOMENTS
    ),
}
