"""Write golden.json: momentum, running statistics and moving averages of PyTorch and optax.

Neither library is needed to run the tests. To regenerate the file, in an environment of its own:

    pip install torch==2.13.0 optax==0.2.8 jax==0.10.2
    python tests/experiments/definitions/make_golden.py

All in float64, over 60 steps. The gradients are those of tests/manual/golden_optimizers.json; the
learning rate falls twice, since only then do the two conventions of momentum differ.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

OPTIMIZERS = json.loads(
    (Path(__file__).parents[2] / "manual" / "golden_optimizers.json").read_text()
)
START, GRADIENTS = OPTIMIZERS["start"], OPTIMIZERS["gradients"]
STEPS = len(GRADIENTS)
RATES = [0.1 if t < 20 else 0.01 if t < 40 else 0.005 for t in range(STEPS)]
MOMENTUM, DECAY = 0.9, 0.99


def batches() -> np.ndarray:
    """Make [steps, 6, 3] inputs of batch norm, whose mean and variance change."""
    scale = 2 + np.sin(np.arange(STEPS))[:, None, None]
    normal = np.random.default_rng(2018).standard_normal((STEPS, 6, 3))
    return (scale * normal + scale).round(3)


def torch_momentum() -> list:
    """Step torch.optim.SGD."""
    w = torch.tensor(START, dtype=torch.float64)
    optimizer = torch.optim.SGD([w], RATES[0], momentum=MOMENTUM)
    weights = []
    for g, rate in zip(GRADIENTS, RATES, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        w.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step()
        weights.append(w.tolist())
    return weights


def optax_momentum() -> list:
    """Step optax.sgd with a schedule."""
    optimizer = optax.sgd(lambda count: jnp.asarray(RATES)[count], momentum=MOMENTUM)
    w = jnp.asarray(START)
    state = optimizer.init(w)
    weights = []
    for g in GRADIENTS:
        change, state = optimizer.update(jnp.asarray(g), state, w)
        w = optax.apply_updates(w, change)
        weights.append(w.tolist())
    return weights


def torch_running_variance() -> list:
    """Train torch.nn.BatchNorm1d; its momentum is the weight of the NEW value."""
    layer = torch.nn.BatchNorm1d(3, momentum=1 - MOMENTUM, dtype=torch.float64)
    values = []
    for x in batches():
        layer(torch.tensor(x))
        values.append(layer.running_var.tolist())
    return values


def optax_average(debias: bool) -> list:
    """Average the batches' biased variances by optax.ema."""
    average = optax.ema(DECAY, debias)
    variances = jnp.asarray(batches().var(axis=1))
    state = average.init(variances[0])
    values = []
    for variance in variances:
        value, state = average.update(variance, state)
        values.append(value.tolist())
    return values


def main() -> None:
    """Run everything and write the file, one line per run."""
    jax.config.update("jax_enable_x64", True)
    content = {
        "versions": {m.__name__: m.__version__ for m in (torch, jax, optax, np)},
        "made_by": "tests/experiments/definitions/make_golden.py",
        "rates": RATES,
        "momentum": MOMENTUM,
        "decay": DECAY,
        "batches": batches().tolist(),
        "torch momentum": torch_momentum(),
        "optax momentum": optax_momentum(),
        "torch running variance": torch_running_variance(),
        "optax average": optax_average(debias=False),
        "optax average, corrected": optax_average(debias=True),
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    Path(__file__).with_name("golden.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
