"""The arms of the three cases' experiment, found among runs by their configuration."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bnstudy.config.schema import affects_results
from bnstudy.plots.groups import common_title
from bnstudy.run_folder.log import RunLog

# Arm -> batch norm, gradients, optimizer, its variant. Everything else is the same in all arms.
_KEYS = ("model.batch_norm", "training.gradients", "optimizer.name", "optimizer.variant")
ARMS = {
    "a": ("none", "autodiff", "adam", "paper"),
    "b": ("keras", "autodiff", "adam", "paper"),
    "c": ("custom", "manual", "amsgrad", "paper"),
    "d": ("none", "manual", "amsgrad", "paper"),
    "c, bias-corrected": ("custom", "manual", "amsgrad", "keras"),
    "c, gradients as posted": ("custom", "as_posted", "amsgrad", "paper"),
}
FOUR = ("a", "b", "c", "d")  # the 2 x 2 design: {no batch norm, batch norm} x {Adam, AMSGrad}
MEANING = {
    "a": "no batch norm, Adam",
    "b": "batch norm, Adam",
    "c": "batch norm, AMSGrad",
    "d": "no batch norm, AMSGrad",
    "c, bias-corrected": "with optimizer.variant keras",
    "c, gradients as posted": "with the author's three wrong derivatives",
}
# A claim about single arms may be tested with runs of fewer epochs, so these do not separate runs.
_FREE = {"case", "seed", "training.epochs", *_KEYS}


@dataclass(frozen=True)
class Design:
    """Runs that differ in their arm, their seed and their number of epochs alone.

    Attributes:
        arms: arm -> seed -> the run with the most epochs.
        setting: the keys that are the same in all runs, with their values.
        apart: what sets it apart from another design, if the title does not.

    """

    arms: dict[str, dict[int, RunLog]]
    setting: dict[str, Any]
    apart: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What all runs have in common: data, width, precision."""
        common = common_title([log for arm in self.arms.values() for log in arm.values()])
        return ", ".join([common, *self.apart])

    def runs(self, arm: str, epochs: int) -> dict[int, RunLog]:
        """Return the runs of an arm, by seed, that have at least this number of epochs."""
        runs = self.arms.get(arm, {})
        return {
            seed: log for seed, log in sorted(runs.items()) if len(log.metrics["epoch"]) >= epochs
        }

    def diverged(self, arms: Iterable[str]) -> list[RunLog]:
        """Return the runs of some arms that diverged; most have fewer epochs than the others."""
        return [
            log
            for arm in arms
            for _, log in sorted(self.arms.get(arm, {}).items())
            if "diverged_at_step" in (log.result or {})
        ]


def designs(logs: Iterable[RunLog]) -> list[Design]:
    """Sort runs into designs, in the order of first appearance; runs of no arm are left out."""
    found: dict[tuple[object, ...], Design] = {}
    names = {keys: name for name, keys in ARMS.items()}
    for log in logs:
        flat = log.config.flat()
        name = names.get(tuple(flat[key] for key in _KEYS))
        if name is None:
            continue
        setting = {
            key: flat[key] for key in sorted(flat) if affects_results(key) and key not in _FREE
        }
        design = found.setdefault(tuple(setting.values()), Design({}, setting))
        runs = design.arms.setdefault(name, {})
        other = runs.get(log.config.seed)
        if other is None or len(other.metrics["epoch"]) < len(log.metrics["epoch"]):
            runs[log.config.seed] = log
    several = [design for design in found.values() if len(design.arms) > 1]
    return [replace(design, apart=_apart(design, several)) for design in found.values()]


def _apart(design: Design, others: Sequence[Design]) -> tuple[str, ...]:
    """Return what distinguishes a design from others of its title: "bn.momentum = 0.9"."""
    alike = [other for other in others if other.title == design.title]
    return tuple(
        f"{key} = {value}"
        for key, value in design.setting.items()
        if any(other.setting[key] != value for other in alike)
    )
