"""Runs that differ only in the seed, and their labels in figures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnstudy.config.load import load_config
from bnstudy.config.schema import affects_results
from bnstudy.run_folder.log import RunLog

SPLITS = {"train": "training", "test": "test"}
_NAMES = {
    "none": "no BN",
    "keras": "Keras BN",
    "custom": "own BN",
    "manual": "manual gradients",
    "autodiff": "autodiff",
    "sgd": "SGD",
    "adam": "Adam",
    "amsgrad": "AMSGrad",
    "cifar10": "CIFAR-10",
    "float32": "",  # the usual precision is not mentioned
}
_MOST_KEYS = 4  # in a label, the case included; with more, the folder's name is the better one


@dataclass(frozen=True, eq=False)
class Group:
    """Runs whose configurations differ only in the seed, and their label."""

    logs: tuple[RunLog, ...]
    label: str

    def epochs(self) -> np.ndarray:
        """Return the epochs that every run of the group has finished."""
        return np.arange(1, 1 + min(len(log.metrics["epoch"]) for log in self.logs))

    def values(self, column: str) -> np.ndarray:
        """Return one row per run, one column per common epoch; infinite values become NaN."""
        count = len(self.epochs())
        values = np.stack([log.metrics[column][:count] for log in self.logs])
        return np.where(np.isfinite(values), values, np.nan)

    def legend(self, explained: bool = True) -> str:
        """Return the label, with the number of seeds and whether epochs are missing or diverged.

        Args:
            explained: say what is shown of several seeds.

        """
        # matplotlib leaves labels out that begin with an underscore.
        parts = [f" {self.label}" if self.label.startswith("_") else self.label]
        if len(self.logs) > 1:
            shown = " (mean, min to max)" if explained else ""
            parts.append(f"n = {len(self.logs)}{shown}")
        planned, done = self.logs[0].config.training.epochs, len(self.epochs())
        if done < planned:
            parts.append(f"{done} of {planned} epochs")
        if any(np.isnan(self.values(f"{split}_cost")).any() for split in SPLITS):
            parts.append("diverged")
        return ", ".join(parts)


def group_runs(logs: Sequence[RunLog]) -> list[Group]:
    """Group runs by their configuration without its seed, in the order of first appearance."""
    groups: dict[tuple[object, ...], list[RunLog]] = {}
    for log in {log.folder.resolve(): log for log in logs}.values():  # a folder counts once
        flat = log.config.flat()
        key = tuple((name, flat[name]) for name in sorted(flat) if _separates_groups(name))
        groups.setdefault(key, []).append(log)
    members = list(groups.values())
    return [
        Group(tuple(group), label) for group, label in zip(members, _labels(members), strict=True)
    ]


def differing_keys(logs: Sequence[RunLog]) -> list[str]:
    """Return the keys, but the seed, in which the configurations of runs differ."""
    flats = [log.config.flat() for log in logs]
    return [
        key
        for key in (flats[0] if flats else ())
        if _separates_groups(key) and any(flat[key] != flats[0][key] for flat in flats)
    ]


def _labels(groups: list[list[RunLog]]) -> list[str]:
    """Return one distinct label per group: the case, if cases differ, and the keys that differ."""
    flats = [group[0].config.flat() for group in groups]
    differing = differing_keys([group[0] for group in groups])
    if not differing:
        return [_case(flat) for flat in flats]
    if "case" not in differing:
        if len(differing) > _MOST_KEYS:
            return _folder_labels(groups)
        return [", ".join(_change(key, flat[key]) for key in differing) for flat in flats]
    # A case's own settings go without saying; only what was changed is named.
    cases = [load_config(case=flat["case"]).flat() for flat in flats]
    own = [
        [key for key in differing if key != "case" and flat[key] != case[key]]
        for flat, case in zip(flats, cases, strict=True)
    ]
    # A key that is the same in every case is named in all groups, changed or not.
    everywhere = {key for keys in own for key in keys if len({case[key] for case in cases}) == 1}
    for named in ([{*keys, *everywhere} for keys in own], own):  # the longer labels, if they fit
        labels = [
            ", ".join([_case(flat), *(_change(key, flat[key]) for key in differing if key in keys)])
            for flat, keys in zip(flats, named, strict=True)
        ]
        if max(map(len, named)) < _MOST_KEYS and len(set(labels)) == len(labels):
            return labels
    return _folder_labels(groups)


def _folder_labels(groups: list[list[RunLog]]) -> list[str]:
    labels = [group[0].folder.resolve().name for group in groups]
    labels = [
        re.sub(r"_seed-\d+$", "", label) if len(group) > 1 else label
        for label, group in zip(labels, groups, strict=True)
    ]
    if len(set(labels)) < len(labels):
        return [str(group[0].folder) for group in groups]
    return labels


def _case(flat: dict[str, Any]) -> str:
    return f"case {flat['case']}" if flat["case"] else "no case"


def _change(key: str, value: Any) -> str:
    return value if key == "training.precision" else f"{key} = {value}"  # bfloat16 needs no key


def common_title(logs: Sequence[RunLog]) -> str:
    """Return what all runs have in common: case, layers, optimizer, data, width, precision."""
    flats = [log.config.flat() for log in logs]

    def common(key: str, form: str = "{}") -> str | None:
        values = {flat[key] for flat in flats}
        value = values.pop()
        return None if values or value is None else form.format(_NAMES.get(value, value))

    method = [
        common("model.batch_norm"),
        common("training.gradients"),
        common("optimizer.name"),
        common("data.name"),
        common("data.train_limit", "{} training images"),
        common("model.width", "width {:g}"),
        common("training.precision"),
    ]
    case = common("case", "case {}: ") or ""
    return case + ", ".join(part for part in method if part)


def run_subtitle(log: RunLog, split: str) -> str:
    """Return the subtitle of a run's figure: its images, how they are measured, seed, progress."""
    kind = "running mean over each epoch" if split == "train" else "after each epoch"
    done, planned = len(log.metrics["epoch"]), log.config.training.epochs
    progress = f", {done} of {planned} epochs" if done < planned else ""
    return f"{SPLITS[split]} images, {kind}, seed {log.config.seed}{progress}"


def _separates_groups(key: str) -> bool:
    """Return whether runs that differ in this key are different groups."""
    return key != "seed" and affects_results(key)
