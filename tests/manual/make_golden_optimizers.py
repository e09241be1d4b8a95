"""Write golden_optimizers.json: what the optimizers of PyTorch and optax do with known gradients.

Neither library is needed to run the tests. To regenerate the file, in an environment of its own:

    pip install torch==2.13.0 optax==0.2.8 jax==0.10.2
    python tests/manual/make_golden_optimizers.py

Weights after each step, in float64. The first gradients are large and most later ones are small,
so AMSGrad's maximum decides the step; where it never does, AMSGrad is Adam and nothing is tested.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

STEPS = 60
START = [[1.0, -2.0], [0.5, 0.0], [-0.3, 4.0]]
SETTINGS = {
    "default": {"learning_rate": 0.05, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
    "large_epsilon": {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-2},
    "tiny_epsilon": {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-30},
}


def gradients() -> np.ndarray:
    """Make [steps, 3, 2] gradients, each element with a character of its own."""
    t = np.arange(1, STEPS + 1)
    normal = np.random.default_rng(2018).standard_normal((STEPS, 3, 2))
    size = np.select([t <= 12, t <= 40], [3.0, 0.1], 0.7)
    g = normal * size[:, None, None]
    g[:, 0, 1] *= t % 2  # zero at every second step
    g[:5, 1, 0] = 0.0  # starts with zeros
    g[:, 1, 1] = 0.05 * t * (-1.0) ** t  # only grows: the maximum never binds
    g[1:, 2, 0] = 0.02 * normal[1:, 2, 0]  # one large gradient at the first step
    return g.round(3)


def run_torch(settings: dict, amsgrad: bool) -> list:
    """Step torch.optim.Adam."""
    w = torch.tensor(START, dtype=torch.float64)
    betas = (settings["beta_1"], settings["beta_2"])
    optimizer = torch.optim.Adam(
        [w], settings["learning_rate"], betas, settings["epsilon"], amsgrad=amsgrad
    )
    weights = []
    for g in gradients():
        w.grad = torch.tensor(g)
        optimizer.step()
        weights.append(w.tolist())
    return weights


def run_optax(settings: dict, rule, **options) -> list:
    """Step an optax rule."""
    optimizer = rule(
        settings["learning_rate"],
        settings["beta_1"],
        settings["beta_2"],
        settings["epsilon"],
        **options,
    )
    w = jnp.asarray(START, jnp.float64)
    state = optimizer.init(w)
    weights = []
    for g in gradients():
        change, state = optimizer.update(jnp.asarray(g), state, w)
        w = optax.apply_updates(w, change)
        weights.append(w.tolist())
    return weights


def main() -> None:
    """Run everything and write the file, one line per run."""
    jax.config.update("jax_enable_x64", True)
    uncorrected = {"bias_correction_mu": False, "bias_correction_nu": False}
    weights = {
        f"{rule} {name}": run(SETTINGS[name])
        for name in ("default", "large_epsilon")
        for rule, run in {
            "torch adam": lambda s: run_torch(s, amsgrad=False),
            "torch amsgrad": lambda s: run_torch(s, amsgrad=True),
            "optax adam": lambda s: run_optax(s, optax.adam),
            "optax amsgrad": lambda s: run_optax(s, optax.amsgrad),
            "optax amsgrad_uncorrected": lambda s: run_optax(s, optax.amsgrad, **uncorrected),
        }.items()
    }
    weights["torch amsgrad tiny_epsilon"] = run_torch(SETTINGS["tiny_epsilon"], amsgrad=True)
    content = {
        "versions": {m.__name__: m.__version__ for m in (torch, jax, optax, np)},
        "made_by": "tests/manual/make_golden_optimizers.py",
        "settings": SETTINGS,
        "start": START,
        "gradients": gradients().tolist(),
        **weights,
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    path = Path(__file__).parent / "golden_optimizers.json"
    path.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
