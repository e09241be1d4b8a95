"""Damage the code on purpose, one line at a time, and see the named test fail.

    python tests/mutations.py            about three minutes

A test that passes on damaged code proves nothing. Each row names a mistake seen in the wild, the
line that it changes, and the test that must catch it. Exits with 1 if one goes unnoticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
BATCH_NORM = "tests/manual/test_batch_norm.py::test_forward_and_backward"
CONTINUE = "tests/test_bad_weather.py::test_a_signal_saves_and_stops_and_the_run_continues"


class Mutation(NamedTuple):
    """One mistake."""

    mistake: str
    file: str  # below src/bnstudy
    right: str  # its first occurrence is replaced
    wrong: str
    test: str


MUTATIONS = [
    Mutation(
        "drop the mean term of dx",
        "manual/batch_norm.py",
        "(dx_hat - mean_dx_hat - x_hat * mean_dx_hat_x_hat)",
        "(dx_hat - x_hat * mean_dx_hat_x_hat)",
        BATCH_NORM,
    ),
    Mutation(
        "drop the x-hat term of dx",
        "manual/batch_norm.py",
        "(dx_hat - mean_dx_hat - x_hat * mean_dx_hat_x_hat)",
        "(dx_hat - mean_dx_hat)",
        BATCH_NORM,
    ),
    Mutation(
        "multiply by the standard deviation in dx",
        "manual/batch_norm.py",
        "dx = inverse_stddev * (",
        "dx = 1 / inverse_stddev * (",
        BATCH_NORM,
    ),
    Mutation(
        "average dgamma instead of summing",
        "manual/batch_norm.py",
        "tf.reshape(dgamma, gamma.shape)",
        "tf.reshape(dgamma / m, gamma.shape)",
        BATCH_NORM,
    ),
    Mutation(
        "use the moving statistics in training",
        "layers.py",
        "lambda: self._train(x), lambda: self._infer(x)",
        "lambda: (self._train(x), self._infer(x))[1], lambda: self._infer(x)",
        "tests/test_layers.py::test_training_uses_the_batch_and_inference_what_is_remembered",
    ),
    Mutation(
        "update the moving statistics in inference",
        "layers.py",
        "lambda: self._train(x), lambda: self._infer(x)",
        "lambda: self._train(x), lambda: (self._infer(x), self._train(x))[0]",
        "tests/test_layers.py::test_training_uses_the_batch_and_inference_what_is_remembered",
    ),
    Mutation(
        "ELU' = 2 for positive inputs",
        "manual/elu.py",
        "widen(dy) * (tf.minimum(y, 0) + 1)",
        "widen(dy) * tf.where(y > 0, 2 * tf.ones_like(y), y + 1)",
        "tests/manual/test_elu.py::test_the_slope_is_one_for_positive_inputs",
    ),
    Mutation(
        "forget the 1/N of the loss",
        "manual/softmax_cross_entropy.py",
        "(p - onehot) / count",
        "(p - onehot)",
        "tests/manual/test_softmax_cross_entropy.py::test_forward_and_backward",
    ),
    Mutation(
        "drop AMSGrad's maximum",
        "manual/amsgrad.py",
        "v_max = tf.maximum(state.v_max, v)",
        "v_max = v",
        "tests/manual/test_amsgrad.py::test_steps_by_hand",
    ),
    Mutation(
        "swap the momentum convention",
        "manual/batch_norm.py",
        "return momentum * moving + (1 - momentum) * batch",
        "return (1 - momentum) * moving + momentum * batch",
        "tests/manual/test_batch_norm.py::test_momentum_weights_the_old_value",
    ),
    Mutation(
        "score the test set by averaging unequal batches",
        "steps.py",
        "tf.reduce_sum(tf.cast(costs, tf.float64))",
        "tf.reduce_mean(tf.cast(costs, tf.float64)) * 10",  # right if all are full, with 10 images
        "tests/test_steps.py::test_evaluation_is_the_exact_mean_whatever_the_batch_size",
    ),
    Mutation(
        "average the training cost over unequal batches",
        "steps.py",
        "tf.cast(cost, tf.float64) * count",
        "tf.cast(cost, tf.float64) * 106 / 6",
        "tests/test_runner.py::test_training_figures_are_means_over_images_not_over_batches",
    ),
    Mutation(
        "turn the kernels of dx the wrong way",
        "manual/conv2d.py",
        "filter=w, out_backprop=dy",
        "filter=w[::-1, ::-1], out_backprop=dy",
        "tests/manual/test_conv2d.py::test_forward_and_backward",
    ),
    Mutation(
        "share the gradient of a pool by its side, not its area",
        "manual/pooling.py",
        "dy / k**2",
        "dy / k",
        "tests/manual/test_pooling.py::test_average_pooling",
    ),
    Mutation(
        "walk through the layers in the wrong order",
        "manual/network.py",
        "dparameters = dlayer + dparameters",
        "dparameters = dparameters + dlayer",
        "tests/manual/test_network.py::test_backward_is_the_chain_rule_over_the_reversed_layers",
    ),
    Mutation(
        "leave the optimizer's state out of the checkpoint",
        "training.py",
        "**self.model.statistics, **self.optimizer.state}",
        "**self.model.statistics}",
        CONTINUE,
    ),
    Mutation(
        "leave the moving statistics out of the checkpoint",
        "training.py",
        "**self.model.statistics, **self.optimizer.state}",
        "**self.optimizer.state}",
        CONTINUE,
    ),
    Mutation(
        "begin the epoch again when a run continues",
        "training.py",
        "self.batches.epoch(position.epoch, position.step)",
        "self.batches.epoch(position.epoch)",
        CONTINUE,
    ),
    Mutation(
        "augment every epoch alike",
        "data/batches.py",
        "epoch * self.steps + step)",
        "step)",
        "tests/data/test_batches.py::test_every_step_of_a_run_augments_in_its_own_way",
    ),
    Mutation(
        "keep the weights in bfloat16",
        "training.py",
        "Model(config, tf.float32,",
        "Model(config, PRECISIONS[config.training.precision],",
        "tests/test_runner.py::test_a_run_trains_as_its_configuration_says",
    ),
    Mutation(
        "compute ELU in bfloat16",
        "manual/elu.py",
        "tf.nn.elu(widen(x))",
        "tf.exp(tf.minimum(x, 0)) - 1 + tf.maximum(x, 0)",
        "tests/manual/test_elu.py::test_bfloat16_is_computed_in_float32",
    ),
    Mutation(
        "add up dgamma in bfloat16",
        "manual/batch_norm.py",
        "dgamma = _sum(dy * x_hat, axes)",
        "dgamma = tf.cast(_sum(tf.cast(dy * x_hat, tf.bfloat16), axes), gamma.dtype)",
        "tests/manual/test_batch_norm.py::test_bfloat16_is_normalized_in_float32",
    ),
    Mutation(
        "double the gradients that are compiled",
        "layers.py",
        "network.backward(self.layers, dy, cache)",
        "network.backward(self.layers, dy + dy, cache)",
        "tests/test_layers.py::test_fused_layers_compute_what_they_compute_one_by_one",
    ),
    Mutation(
        "forget to fuse",
        "layers.py",
        "result += [Fused(neighbours)] if fusible else neighbours",
        "result += neighbours",
        "tests/test_model.py::test_what_stands_between_two_convolutions_is_one_block",
    ),
    Mutation(
        "write files in place",
        "run_log.py",
        'temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")',
        "temporary = path",
        "tests/test_bad_weather.py::test_a_real_write_that_fails_leaves_the_old_file",
    ),
]


def caught(mutation: Mutation) -> tuple[bool, str]:
    """Run its test on a damaged copy of the code; return whether it failed, and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "src")
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "configs", Path(folder, "configs"))
        file = source / "bnstudy" / mutation.file
        text = file.read_text()
        if mutation.right not in text:
            return False, f"{mutation.file} has no {mutation.right!r}"
        file.write_text(text.replace(mutation.right, mutation.wrong, 1))
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", mutation.test],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
        # 1: a test failed. Anything else (no such test, a syntax error) proves nothing.
        return ended.returncode == 1, ended.stdout


def main() -> int:
    """Try all of them, two at a time."""

    def attempt(mutation: Mutation) -> bool:
        found, output = caught(mutation)
        print(
            f"{'caught' if found else 'MISSED'}: {mutation.mistake} ({mutation.test})", flush=True
        )
        if not found:
            print(output)
        return found

    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(attempt, MUTATIONS))
    print(f"{sum(results)} of {len(results)} mutations caught")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
