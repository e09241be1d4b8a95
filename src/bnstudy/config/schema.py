"""What a configuration holds: its keys, their allowed values, and the JSON Schema of its files.

The defaults stand in configs/base.yaml and nowhere else. After a change here or there, write the
schema that editors use anew:

    python -m bnstudy.config.schema
"""

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from bnstudy.config.registry import BATCH_NORMS, DATASETS, OPTIMIZERS
from bnstudy.config.yaml_reader import configs_dir, read_yaml, write_yaml

if TYPE_CHECKING:
    DatasetName = BatchNormName = OptimizerName = str
else:
    DatasetName = Literal[*DATASETS]
    BatchNormName = Literal[*BATCH_NORMS]
    OptimizerName = Literal[*OPTIMIZERS]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataConfig(_Strict):
    """Which images, and what is done to them."""

    name: DatasetName = Field(description="The data set; digits is built in.")
    dir: str | None = Field(min_length=1, description="Where CIFAR-10 lies; null: search, fetch.")
    train_limit: int | None = Field(ge=10, description="Size of a fixed, class-balanced part.")
    test_limit: int | None = Field(ge=10, description="Size of a fixed, class-balanced part.")
    standardize: Literal["train_channels", "batch_pixels"] = Field(
        description="Per channel by the training set, or per pixel by the current batch."
    )
    augment: bool = Field(description="Add one augmented copy of each image to the batch.")


class ModelConfig(_Strict):
    """The All-CNN."""

    # round(96 * width) >= 1: the narrowest layer keeps a channel.
    width: float = Field(gt=1 / 192, description="Factor on every layer's number of channels.")
    batch_norm: BatchNormName = Field(
        description="No batch norm, the framework's layer, or our own."
    )
    weight_stddev: float = Field(gt=0, description="Standard deviation of the weights, width 1.")


class BatchNormConfig(_Strict):
    """The batch norm layer."""

    placement: Literal["before_pool", "after_conv"] = Field(
        description="Before the two pools, or between every convolution and its ELU."
    )
    axes: Literal["channel", "activation"] = Field(
        description="Statistics per channel over N, H, W, or per activation over N."
    )
    momentum: float = Field(ge=0, lt=1, description="Weight of the OLD moving average.")
    epsilon: float = Field(gt=0, description="Added to the variance, inside the square root.")
    scale: bool = Field(description="Learn gamma.")
    center: bool = Field(description="Learn beta.")
    moving_variance_init: float = Field(ge=0, description="First value of the moving variance.")
    debias: bool = Field(description="Correct the moving averages for their start; not with keras.")


class TrainingConfig(_Strict):
    """The loop."""

    epochs: int = Field(ge=1, description="Passes over the training images.")
    batch_size: int = Field(ge=1, description="What the network sees, augmented copies included.")
    gradients: Literal["autodiff", "manual", "as_posted"] = Field(
        description="By automatic differentiation, by hand, or by hand with the author's errors."
    )
    precision: Literal["float32", "bfloat16"] = Field(description="Of activations and gradients.")


class OptimizerConfig(_Strict):
    """The update of the weights."""

    name: OptimizerName = Field(description="The rule.")
    variant: Literal["paper", "keras", "optax", "as_posted"] = Field(
        description="Whose definition of the rule; adam has paper and keras, amsgrad all four."
    )
    learning_rate: float = Field(gt=0, description="The rate before the first epoch.")
    decay: float = Field(ge=0, description="rate = learning_rate / (1 + decay * epoch).")
    beta_1: float = Field(ge=0, lt=1, description="Decay of the first moment, or momentum.")
    beta_2: float = Field(ge=0, lt=1, description="Decay of the second moment.")
    epsilon: float = Field(gt=0, description="Added outside the square root.")


class CheckpointConfig(_Strict):
    """When a run saves its state besides the end of each epoch."""

    every_steps: int | None = Field(ge=1, description="Save after so many steps; null: never.")
    every_seconds: float | None = Field(gt=0, description="Save after so many seconds.")


class Config(_Strict):
    """A whole, resolved configuration. Make one with `load_config`."""

    case: Literal["a", "b", "c"] | None = Field(description="Which of the post's experiments.")
    seed: int = Field(ge=0, le=2**31 - 1, description="Of weights, shuffles and augmentation.")
    data: DataConfig
    model: ModelConfig
    bn: BatchNormConfig
    training: TrainingConfig
    optimizer: OptimizerConfig
    checkpoint: CheckpointConfig

    @model_validator(mode="after")
    def _keys_agree(self) -> "Config":
        name, variants = self.optimizer.name, OPTIMIZERS[self.optimizer.name].variants
        if self.optimizer.variant not in variants:
            right = f"must be {one_of(variants)} for {name}"
            raise _conflict(right, "optimizer.variant", "optimizer.name")
        if self.data.augment and self.training.batch_size % 2:
            right = "must be even when data.augment is true (half images, half augmented copies)"
            raise _conflict(right, "training.batch_size", "data.augment")
        if self.training.batch_size == 1:  # one image has no variance over images
            right = "must be at least 2"
            if self.model.batch_norm != "none" and self.bn.axes == "activation":
                raise _conflict(
                    f"{right} when bn.axes is activation", "training.batch_size", "bn.axes"
                )
            if self.data.standardize == "batch_pixels":
                right += " when data.standardize is batch_pixels"
                raise _conflict(right, "training.batch_size", "data.standardize")
        if self.bn.debias and self.model.batch_norm == "keras":  # its layer has no such correction
            right = "must be false when model.batch_norm is keras"
            raise _conflict(right, "bn.debias", "model.batch_norm")
        return self

    def flat(self) -> dict[str, Any]:
        """Every key, dotted, with its value: {"case": "c", "seed": 0, "data.name": ...}."""
        return dict(flatten(self.model_dump()))

    def to_yaml(self) -> str:
        """The text of a file that `load_config(file=...)` reads as this configuration."""
        return write_yaml(self.model_dump())


def _conflict(right: str, *keys: str) -> PydanticCustomError:
    """What is wrong between keys; the first one is to be changed."""
    return PydanticCustomError("conflict", "{right}", {"right": right, "keys": keys})


_GROUP_MODELS: dict[str, type[BaseModel]] = {
    "data": DataConfig,
    "model": ModelConfig,
    "bn": BatchNormConfig,
    "training": TrainingConfig,
    "optimizer": OptimizerConfig,
    "checkpoint": CheckpointConfig,
}
GROUPS = {group: list(model.model_fields) for group, model in _GROUP_MODELS.items()}
KEYS = ["case", "seed", *(f"{group}.{name}" for group in GROUPS for name in GROUPS[group])]


def affects_results(key: str) -> bool:
    """Whether a key can change what a run computes: not where the images lie, nor when it saves."""
    return key != "data.dir" and not key.startswith("checkpoint.")


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; of what is no group, or no known key, the value as it is."""
    for name, value in values.items():
        key = f"{prefix}{name}"
        if key in GROUPS and isinstance(value, Mapping):
            yield from flatten(value, f"{key}.")
        else:
            yield key, value


def one_of(names: Iterable[str]) -> str:
    """The allowed names in words: "paper", "one of paper, keras"."""
    names = list(names)
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"


def config_schema() -> dict[str, Any]:
    """The JSON Schema of a configuration file: any part of the keys, `extends` and `cases`."""
    schema = _without(Config.model_json_schema(), {"title", "required"})
    for key, default in flatten(read_yaml(configs_dir() / "base.yaml")):
        _find(schema, key)["default"] = default
    settings = {k: v for k, v in schema["properties"].items() if k != "case"}
    overlay = {"type": "object", "additionalProperties": False, "properties": settings}
    extends = "What this file stands on: a path relative to it, or a name such as cases/c."
    schema["description"] = "A configuration file of bnstudy: any part of the keys."
    schema["properties"]["extends"] = {"type": "string", "minLength": 1, "description": extends}
    schema["properties"]["cases"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": dict.fromkeys(("a", "b", "c"), overlay),
        "description": "Settings that apply to one case only.",
    }
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "bnstudy", **schema}


def write_schema() -> None:
    """Write configs/schema.json anew."""
    text = json.dumps(config_schema(), indent=2) + "\n"
    (configs_dir() / "schema.json").write_text(text, encoding="utf-8")


@functools.cache
def key_schema(key: str) -> dict[str, Any]:
    """The JSON Schema of one key's value."""
    return _find(Config.model_json_schema(), key)


def _find(schema: dict[str, Any], key: str) -> dict[str, Any]:
    group, _, name = key.rpartition(".")
    if group:
        schema = schema["$defs"][_GROUP_MODELS[group].__name__]
    return schema["properties"][name]


def _without(node: Any, names: set[str]) -> Any:
    if isinstance(node, dict):
        return {key: _without(value, names) for key, value in node.items() if key not in names}
    return [_without(item, names) for item in node] if isinstance(node, list) else node


if __name__ == "__main__":
    write_schema()
