"""TensorFlow: its fused batch norm, automatic gradients."""

import time

import tensorflow as tf

from bnstudy.bench.cases import Times, batches_of, conv_shapes, intervals
from bnstudy.config.schema import Config
from bnstudy.model.all_cnn import ALL_CNN
from bnstudy.runner.optimizers import Optimizer
from bnstudy.runner.training import PRECISIONS


class PlainTensorFlow:
    """TensorFlow: fused kernels, automatic gradients, our update; on the batches of a run."""

    def __init__(self, config: Config):
        compute_dtype, bn = PRECISIONS[config.training.precision], config.bn
        self.parameters: dict[str, tf.Variable] = {}  # named as in our models
        moving: dict[int, list[tf.Variable]] = {}
        for i, (kernel, _, inputs, outputs) in enumerate(conv_shapes(config.model.width), start=1):
            w = 0.05 * tf.random.normal([kernel, kernel, inputs, outputs])
            self.parameters[f"conv{i}/w"] = tf.Variable(w)
            if ALL_CNN[i - 1].pool:
                self.parameters[f"bn{i}/gamma"] = tf.Variable(tf.ones(outputs))
                self.parameters[f"bn{i}/beta"] = tf.Variable(tf.zeros(outputs))
                moving[i] = [tf.Variable(tf.zeros(outputs)), tf.Variable(tf.ones(outputs))]
        optimizer = Optimizer(config.optimizer, self.parameters)

        def forward(images: tf.Tensor) -> tf.Tensor:
            x = tf.cast(images, compute_dtype)
            for i, row in enumerate(ALL_CNN, start=1):
                w = tf.cast(self.parameters[f"conv{i}/w"], compute_dtype)
                x = tf.nn.elu(tf.nn.conv2d(x, w, 1, "SAME"))
                if row.pool:
                    x, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                        x=x,
                        scale=self.parameters[f"bn{i}/gamma"],
                        offset=self.parameters[f"bn{i}/beta"],
                        mean=moving[i][0],
                        variance=moving[i][1],
                        epsilon=bn.epsilon,
                        exponential_avg_factor=1 - bn.momentum,
                    )
                    moving[i][0].assign(mean)
                    moving[i][1].assign(variance)
                    x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
            return tf.reduce_mean(tf.cast(x, tf.float32), (1, 2))

        @tf.function(autograph=False)
        def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                costs = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, forward(images))
                cost = tf.reduce_mean(costs)
            dparameters = tape.gradient(cost, list(self.parameters.values()))
            optimizer.apply(dparameters, tf.constant(config.optimizer.learning_rate))
            return cost

        self.batches, self.step = batches_of(config), step
        self.round()  # traces and compiles

    def round(self) -> Times:
        """Time the steps of a short epoch."""
        ends = []
        for images, labels in self.batches.epoch(0):
            self.step(images, labels).numpy()
            ends.append(time.perf_counter())
        return {"training": intervals(ends)}
