"""The certificate of a network: its gradients by several opinions, compared.

Each layer is also checked by itself: it is given the right dy, so that an error in one layer does
not show in the layers before it.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bnstudy.config.schema import Config
from bnstudy.gradient_check import numpy_network, opinions
from bnstudy.gradient_check.mistakes import distance
from bnstudy.gradient_check.opinions import Gradients, Setting

TOLERANCE = 1e-9  # relative; right gradients differ by 1e-12 at most
OPINIONS = ("by hand", "automatic", "complex step")


class Comparison(NamedTuple):
    """One derivative by three opinions."""

    values: np.ndarray  # [opinion, direction]: along random directions, over the gradient's norm
    hand_and_automatic: float  # distance between these two as arrays

    @property
    def difference(self) -> float:
        """The largest relative difference between two opinions; nan if one has no number."""
        return float(np.max([self.hand_and_automatic, *np.ptp(self.values, axis=0)]))

    @property
    def passed(self) -> bool:
        """Whether all agree."""
        return self.difference <= TOLERANCE

    @property
    def alone(self) -> str | None:
        """The opinion that differs while the other two agree; None if that is not clear."""
        if self.passed:
            return None
        by_hand, automatic, steps = self.values
        without = {  # how far the two others are apart
            OPINIONS[0]: np.abs(automatic - steps).max(),
            OPINIONS[1]: np.abs(by_hand - steps).max(),
            OPINIONS[2]: max(self.hand_and_automatic, np.abs(by_hand - automatic).max()),
        }
        closest, second, _ = sorted(np.nan_to_num(list(without.values()), nan=np.inf))
        if closest > 0.1 * second or second < 0.5 * TOLERANCE or not np.isfinite(closest):
            return None  # no two agree; or what differs does not show along the directions
        return next(name for name, distance in without.items() if distance == closest)


class Derivative(NamedTuple):
    """The derivative of the cost with respect to one tensor."""

    layer: str
    tensor: str  # "dx", or the name of a parameter
    whole: Comparison  # of the whole network
    local: Comparison  # of this layer, given the right dy
    compiled: float | None  # distance of the compiled step from what it compiles; not of dx

    @property
    def difference(self) -> float:
        """The largest relative difference between two opinions."""
        return float(np.max([self.whole.difference, self.compiled or 0.0]))

    @property
    def passed(self) -> bool:
        """Whether all opinions agree."""
        return self.difference <= TOLERANCE and self.local.passed

    @property
    def alone(self) -> str | None:
        """The opinion that differs while the others agree."""
        compiled_alone = self.whole.passed and self.local.passed and not self.passed
        return "compiled step" if compiled_alone else self.local.alone or self.whole.alone


class ForwardValue(NamedTuple):
    """The output of one layer, compared with NumPy's for the same input."""

    layer: str
    difference: float  # norm of the difference, over that of NumPy's

    @property
    def passed(self) -> bool:
        """Whether both agree."""
        return self.difference <= TOLERANCE


class Statistic(NamedTuple):
    """A moving statistic after the batch; in inference it must be as before."""

    layer: str
    name: str
    eager: float  # norm of the difference from NumPy's, over that of NumPy's
    compiled: float | None  # the same after the compiled step; None where there is none

    @property
    def difference(self) -> float:
        """The larger of the two."""
        return float(np.max([self.eager, self.compiled or 0.0]))

    @property
    def passed(self) -> bool:
        """Whether it moved as it must, and no further."""
        return self.difference <= TOLERANCE


class Evidence(NamedTuple):
    """What a mistake is named from: all that the layers were given and returned."""

    xs: dict[str, np.ndarray]  # the input of each layer, by its name
    ys: dict[str, np.ndarray]
    statistics: dict[str, np.ndarray]  # after the batch, step by step: "bn3/moving_mean", ...
    by_hand: Gradients  # of each layer alone
    automatic: Gradients


class Certificate(NamedTuple):
    """Everything that was found."""

    forward: list[ForwardValue]
    statistics: list[Statistic]
    derivatives: list[Derivative]  # in the order of the backward pass
    setting: Setting
    evidence: Evidence
    seed: int
    directions: int
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything agrees."""
        values = all(row.passed for row in self.forward)
        moved = all(row.passed for row in self.statistics)
        return values and moved and all(row.passed for row in self.derivatives)


def certify(
    config: Config, seed: int = 0, directions: int = 2, training: bool = True
) -> Certificate:
    """Check every gradient of the configured network.

    Args:
        config: the whole configuration; `training.gradients: as_posted` checks the author's.
        seed: of the random numbers.
        directions: k, along which derivatives are compared.
        training: whether batch norm uses the statistics of the batch.

    """
    start, random = time.monotonic(), np.random.default_rng(seed)
    setting = opinions.make_setting(config, random, training)
    automatic, values = opinions.automatic(setting)
    moved, names = opinions.statistics(setting), setting.names
    whole, alone = opinions.by_hand(setting, automatic)
    evidence = Evidence(
        dict(zip(names, values[:-1], strict=True)),
        dict(zip(names, values[1:], strict=True)),
        moved,
        alone,
        automatic,
    )
    complete = all(key in whole and whole[key].shape == dx.shape for key, dx in automatic.items())
    compiled = opinions.compiled(setting) if complete else {}
    return Certificate(
        list(_compare_forward(setting, evidence)),
        list(_compare_statistics(setting, evidence, complete)),
        list(_compare(setting, evidence, whole, compiled, directions, random)),
        setting,
        evidence,
        seed,
        directions,
        time.monotonic() - start,
    )


def _compare_forward(setting: Setting, evidence: Evidence) -> Iterator[ForwardValue]:
    for name, x in evidence.xs.items():
        expected = numpy_network.apply_layer(name, x, setting.network)
        yield ForwardValue(name, distance(evidence.ys[name], expected))


def _compare_statistics(
    setting: Setting, evidence: Evidence, after_compiled: bool
) -> Iterator[Statistic]:
    compiled = opinions.statistics(setting) if after_compiled else {}
    for layer in setting.model.layers:
        expected = numpy_network.statistics_after(
            layer.name, evidence.xs[layer.name], setting.network
        )
        for name in layer.statistics:
            key, right = f"{layer.name}/{name}", expected[name]
            yield Statistic(
                layer.name,
                name,
                distance(evidence.statistics[key], right),
                distance(compiled[key], right) if compiled else None,
            )


def backward_order(setting: Setting) -> Iterator[tuple[str, str]]:
    """Yield every tensor that has a derivative, from the cost to the images."""
    yield "cost", "dx"
    for layer in reversed(setting.model.layers):
        for name in layer.parameters:
            yield layer.name, name
        yield layer.name, "dx"


def _compare(
    setting: Setting,
    evidence: Evidence,
    whole: Gradients,
    compiled: Gradients,
    directions: int,
    random: np.random.Generator,
) -> Iterator[Derivative]:
    """Compare all opinions about each tensor."""
    names, automatic = setting.names, evidence.automatic
    eager = automatic if setting.config.training.gradients == "autodiff" else whole
    for layer, tensor in backward_order(setting):
        key, rest, x = (layer, tensor), names[names.index(layer) :], evidence.xs[layer]
        lines = random.standard_normal((directions, *automatic[key].shape))
        dy = automatic[rest[1], "dx"] if len(rest) > 1 else 1.0
        steps = [opinions.complex_step(setting, rest, x, tensor, u) for u in lines]
        local = [opinions.complex_step(setting, [layer], x, tensor, u, dy) for u in lines]
        alone = _comparison(evidence.by_hand[key], automatic[key], local, lines)
        if not np.isfinite(dy).all():  # given no numbers, it can only pass them on
            alone = Comparison(np.zeros_like(alone.values), 0.0)
        yield Derivative(
            layer,
            tensor,
            _comparison(whole.get(key), automatic[key], steps, lines),
            alone,
            distance(compiled[key], eager[key]) if key in compiled else None,
        )


def _comparison(
    by_hand: np.ndarray | None, automatic: np.ndarray, steps: list[float], lines: np.ndarray
) -> Comparison:
    """Compare along directions; what could not be computed, or has a wrong shape, is nan."""
    if by_hand is None or by_hand.shape != automatic.shape:
        by_hand = np.full_like(automatic, np.nan)
    norms = [float(np.linalg.norm(gradient)) for gradient in (automatic, by_hand)]
    scale = next((norm for norm in norms if norm and np.isfinite(norm)), 1.0)
    rows = [[np.vdot(gradient, u) for u in lines] for gradient in (by_hand, automatic)]
    values = np.array([*rows, steps]) / scale
    return Comparison(values, float(np.linalg.norm(by_hand - automatic) / scale))
