"""Optimizers: the pure updates of `manual/`, chosen by configuration and kept in variables."""

from functools import partial
from pkgutil import resolve_name

import tensorflow as tf

from bnstudy.backend import xla
from bnstudy.config.registry import OPTIMIZERS
from bnstudy.config.schema import OptimizerConfig


class Optimizer:
    """Keeps one state per parameter and applies the chosen update to all of them.

    Args:
        config: the group `optimizer` of the configuration.
        parameters: name -> variable.

    Attributes:
        state: name -> variable, the complete state of the optimizer.

    """

    def __init__(self, config: OptimizerConfig, parameters: dict[str, tf.Variable]):
        entry = OPTIMIZERS[config.name]
        rule = resolve_name(entry.module)
        keywords = {name: getattr(config, key) for name, key in entry.arguments.items()}
        self._update = partial(rule.update, **keywords)
        self._parameters = list(parameters.values())
        self._states = [
            tf.nest.map_structure(lambda s: tf.Variable(s, trainable=False), rule.init(w))
            for w in self._parameters
        ]
        self.state = {
            f"{name}/{field}": variable
            for name, state in zip(parameters, self._states, strict=True)
            for field, variable in state._asdict().items()
        }

    def apply(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Take one step.

        Args:
            gradients: in the order of the parameters.
            learning_rate: scalar.

        """

        def update_all() -> None:
            for w, dw, state in zip(self._parameters, gradients, self._states, strict=True):
                values = tf.nest.map_structure(lambda s: s.value(), state)
                rate = tf.cast(learning_rate, w.dtype)
                new_w, new_state = self._update(w.value(), dw, values, rate)
                w.assign(new_w)
                tf.nest.map_structure(lambda old, new: old.assign(new), state, new_state)

        xla.compiled(update_all)


def learning_rate(config: OptimizerConfig, epoch: int) -> float:
    """Return the rate of an epoch: learning_rate / (1 + decay epoch), epochs counted from 0.

    It doubles after every `double_every` epochs, if that is set.

    Args:
        config: the group `optimizer` of the configuration.
        epoch: number of finished epochs.

    """
    doublings = epoch // config.double_every if config.double_every else 0
    return config.learning_rate * 2.0**doublings / (1 + config.decay * epoch)
