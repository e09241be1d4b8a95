"""Optimizers: the pure updates of `manual/`, chosen by configuration and kept in variables."""

from __future__ import annotations

from functools import partial

import tensorflow as tf

from bnstudy import xla
from bnstudy.manual import adam, amsgrad, sgd


class Optimizer:
    """Keeps one state per parameter and applies the chosen update to all of them.

    Args:
        options: the group `optimizer` of the configuration.
        parameters: name -> variable.

    Attributes:
        state: name -> variable, all that the optimizer remembers.

    """

    def __init__(self, options, parameters: dict[str, tf.Variable]):
        init, self._update = _rule(options)
        self._parameters = list(parameters.values())
        self._states = [
            tf.nest.map_structure(lambda s: tf.Variable(s, trainable=False), init(w))
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


def learning_rate(options, epoch: int) -> float:
    """Compute the rate of an epoch: learning_rate / (1 + decay epoch), epochs counted from 0.

    Args:
        options: the group `optimizer` of the configuration.
        epoch: number of finished epochs.

    """
    return options.learning_rate / (1 + options.decay * epoch)


def _rule(options):
    """Choose (init, update) by name."""
    if options.name == "sgd":
        return sgd.init, sgd.update
    if options.name == "momentum":
        return sgd.init, partial(sgd.update, momentum=options.beta_1)
    module = {"adam": adam, "amsgrad": amsgrad}[options.name]
    update = partial(
        module.update,
        beta_1=options.beta_1,
        beta_2=options.beta_2,
        epsilon=options.epsilon,
        variant=options.variant,
    )
    return module.init, update
