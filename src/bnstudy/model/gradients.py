"""The cost of a batch and its gradient with respect to all parameters: automatic, or by hand."""

from collections.abc import Callable

import tensorflow as tf

from bnstudy.manual import softmax_cross_entropy
from bnstudy.model.all_cnn import Model

Gradients = tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]


def autodiff_gradients(
    model: Model,
    images: tf.Tensor,
    labels: tf.Tensor,
    step: int | tf.Tensor = 0,
    steps: int = 0,
    dcost: tf.Tensor | None = None,
    *,
    training: bool = True,
) -> Gradients:
    """Run forward and differentiate automatically.

    Args:
        model: the network.
        images: [N, 32, 32, 3].
        labels: integers [N].
        step: steps since the start of the run.
        steps: of the whole run; 0: unknown.
        dcost: the weight of these images in the cost of a larger batch; 1 unless given.
        training: in training mode; else batch norm takes its moving statistics, as constants.

    Returns:
        The cost (mean cross-entropy in nats), the logits [N, 10], and the gradient of the (larger)
        cost with respect to each of `model.parameters`.

    """
    with tf.GradientTape() as tape:
        logits, _ = model.forward(images, training=training, step=step, steps=steps)
        cost, _ = softmax_cross_entropy.forward(logits, labels)
    parameters = list(model.parameters.values())
    return cost, logits, tape.gradient(cost, parameters, output_gradients=dcost)


def manual_gradients(
    model: Model,
    images: tf.Tensor,
    labels: tf.Tensor,
    step: int | tf.Tensor = 0,
    steps: int = 0,
    dcost: tf.Tensor | None = None,
    *,
    training: bool = True,
) -> Gradients:
    """Run forward and backward by hand; otherwise like `autodiff_gradients`."""
    logits, caches = model.forward(images, training=training, step=step, steps=steps)
    cost, cache = softmax_cross_entropy.forward(logits, labels)
    dlogits = model.derivatives.softmax_cross_entropy(1.0 if dcost is None else dcost, cache)
    return cost, logits, model.backward(dlogits, caches)


# Under as_posted, the model's layers have the author's derivatives.
GRADIENTS: dict[str, Callable[..., Gradients]] = {
    "autodiff": autodiff_gradients,
    "manual": manual_gradients,
    "as_posted": manual_gradients,
}
