"""Keras: its own training loop."""

import time

import keras

from bnstudy.bench.cases import Times, batches_of, conv_shapes, intervals
from bnstudy.config.schema import Config
from bnstudy.model.all_cnn import ALL_CNN


class KerasFit:
    """Keras: `Model.fit`, on the batches of a run, made in the background."""

    def __init__(self, config: Config):
        half = config.training.precision == "bfloat16"
        keras.config.set_dtype_policy("mixed_bfloat16" if half else "float32")
        bn = keras.layers.BatchNormalization
        stack = [keras.Input((32, 32, 3))]
        for row, (kernel, _, _, outputs) in zip(
            ALL_CNN, conv_shapes(config.model.width), strict=True
        ):
            stack.append(
                keras.layers.Conv2D(
                    outputs, kernel, padding="same", use_bias=False, activation="elu"
                )
            )
            if row.pool:
                stack += [
                    bn(momentum=config.bn.momentum, epsilon=config.bn.epsilon),
                    keras.layers.AveragePooling2D(2),
                ]
        stack += [keras.layers.GlobalAveragePooling2D(dtype="float32")]
        self.model = keras.Sequential(stack)
        self.model.compile(
            keras.optimizers.Adam(config.optimizer.learning_rate),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        self.batches = batches_of(config)
        self.round()  # traces and compiles

    def round(self) -> Times:
        """Time the steps of a short epoch."""
        clock = _Clock()
        self.model.fit(self.batches.epoch(0), epochs=1, shuffle=False, verbose=0, callbacks=[clock])
        return {"training": intervals(clock.ends)}


class _Clock(keras.callbacks.Callback):
    """Records when each step ends."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.ends.append(time.perf_counter())
