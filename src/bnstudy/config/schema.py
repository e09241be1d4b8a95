"""The keys of a configuration, their allowed values, and the JSON Schema of its files.

The defaults and the descriptions are in configs/base.yaml and nowhere else. After a change to
either file, regenerate the schema that editors use:

    python -m bnstudy.config.schema
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bnstudy.config import conflicts
from bnstudy.config.registry import BATCH_NORMS, DATASETS, OPTIMIZERS
from bnstudy.config.yaml_reader import configs_dir, read_yaml, write_yaml

_VARIANTS = dict.fromkeys(name for entry in OPTIMIZERS.values() for name in entry.variants)

if TYPE_CHECKING:
    DatasetName = str
    BatchNormName = str
    OptimizerName = str
    VariantName = str
else:
    DatasetName = Literal[*DATASETS]
    BatchNormName = Literal[*BATCH_NORMS]
    OptimizerName = Literal[*OPTIMIZERS]
    VariantName = Literal[*_VARIANTS]


class _Strict(BaseModel):
    """A model without defaults, unknown keys or conversions, which cannot be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataConfig(_Strict):
    """The images, and what is done to them."""

    name: DatasetName
    dir: str | None = Field(min_length=1)
    train_limit: int | None = Field(ge=10)
    test_limit: int | None = Field(ge=10)
    standardize: Literal["train_channels", "batch_pixels"]
    augment: bool

    @property
    def copies(self) -> int:
        """How often an epoch shows each image: augmentation adds a mirrored, shifted copy."""
        return 2 if self.augment else 1


class ModelConfig(_Strict):
    """The All-CNN."""

    # round(96 * width) >= 1: the narrowest layer keeps a channel.
    width: float = Field(gt=1 / 192, le=100)
    batch_norm: BatchNormName
    weight_stddev: float = Field(ge=1e-30, le=1e30)


class RenormClipping(_Strict):
    """The limits of batch renormalization, once they are open."""

    rmax: float = Field(ge=1, le=1e30)
    dmax: float = Field(ge=0, le=1e30)


class BatchNormConfig(_Strict):
    """The batch norm layers."""

    placement: Literal["before_pool", "after_hidden_conv", "after_conv"]
    axes: Literal["channel", "activation"]
    momentum: float = Field(ge=0, le=0.999999)
    epsilon: float = Field(ge=1e-30, le=1e30)
    scale: bool
    center: bool
    moving_variance_init: float = Field(ge=0, le=1e30)
    debias: bool
    virtual_batch_size: int | None = Field(ge=1, le=1_000_000)
    renorm: bool
    renorm_clipping: RenormClipping
    renorm_momentum: float = Field(ge=0, le=0.999999)
    noise: bool
    synchronized: bool


class TrainingConfig(_Strict):
    """The loop."""

    epochs: int = Field(ge=1, le=1_000_000)
    batch_size: int = Field(ge=1, le=1_000_000)
    gradients: Literal["autodiff", "manual", "as_posted"]
    precision: Literal["float32", "bfloat16"]
    on_divergence: Literal["stop", "record"]
    devices: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"]


class OptimizerConfig(_Strict):
    """The update of the weights."""

    name: OptimizerName
    variant: VariantName
    learning_rate: float = Field(ge=1e-30, le=1e30)
    decay: float = Field(ge=0)
    double_every: int | None = Field(ge=1, le=1_000_000)
    beta_1: float = Field(ge=0, lt=1)
    beta_2: float = Field(ge=0, lt=1)
    epsilon: float = Field(ge=1e-30, le=1e30)


class CheckpointConfig(_Strict):
    """The times at which a run saves its state, in addition to the end of each epoch."""

    every_steps: int | None = Field(ge=1, le=1_000_000_000)
    every_seconds: float | None = Field(gt=0)
    keep_epochs: bool


class Config(_Strict):
    """A complete, resolved configuration. Make one with `load_config`."""

    case: Literal["a", "b", "c"] | None
    seed: int = Field(ge=0, le=2**31 - 1)
    data: DataConfig
    model: ModelConfig
    bn: BatchNormConfig
    training: TrainingConfig
    optimizer: OptimizerConfig
    checkpoint: CheckpointConfig

    @model_validator(mode="after")
    def _keys_agree(self) -> "Config":
        conflicts.check(self)
        return self

    def ghost_batches(self) -> int | None:
        """Return the number of images of a ghost batch, if there are any."""
        return self.bn.virtual_batch_size if self.model.batch_norm == "custom" else None

    def can_be_extended(self) -> bool:
        """Return whether more epochs leave those that were trained as they are."""
        return not self.bn.renorm  # its limits open at parts of all steps

    def synchronizes(self) -> bool:
        """Return whether batch norm's sums are added up over several devices."""
        return self.bn.synchronized and self.training.devices != 1

    def can_change_devices(self) -> bool:
        """Return whether another number of devices gives the same results, up to rounding."""
        return self.bn.synchronized or self.model.batch_norm == "none"

    def least_images_of_a_device(self) -> int:
        """Return how many images of a batch, copies included, each of several devices must get."""
        has_variance = self.bn.synchronized or self.bn.axes == "channel"  # of one image
        return self.data.copies if has_variance or self.model.batch_norm == "none" else 2

    def statistics_over_images(self) -> dict[str, str]:
        """Return the keys, with their values, that require a variance over the images alone.

        A batch of one image has no such variance.
        """
        found = {}
        if self.model.batch_norm != "none" and self.bn.axes == "activation":
            found["bn.axes"] = "activation"
        if self.data.standardize == "batch_pixels":
            found["data.standardize"] = "batch_pixels"
        return found

    def flat(self) -> dict[str, Any]:
        """Return every dotted key with its value: {"case": "c", "seed": 0, "data.name": ...}."""
        return {k: _Values(x) if isinstance(x, dict) else x for k, x in flatten(self.model_dump())}

    def to_yaml(self) -> str:
        """Return the text of a file that `load_config(file=...)` reads as this configuration."""
        return write_yaml(self.model_dump())


class _Values(dict[str, float]):
    """The value of a key that has several, hashable as all values are: runs are grouped by them."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __str__(self) -> str:
        """Return them as YAML and `--set` write them, for labels and tables."""
        return f"{{{', '.join(f'{name}: {value}' for name, value in self.items())}}}"


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
    """Return whether a key can change a result: not where the images are, nor when a run saves."""
    return key != "data.dir" and not key.startswith("checkpoint.")


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and their values; the value of an unknown key is yielded as it is."""
    for name, value in values.items():
        key = f"{prefix}{name}"
        if key in GROUPS and isinstance(value, Mapping):
            yield from flatten(value, f"{key}.")
        else:
            yield key, value


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration file: some of the keys, `extends` and `cases`."""
    schema = _without(Config.model_json_schema(), {"title", "required"})
    words = descriptions()
    for group, model in _GROUP_MODELS.items():
        schema["$defs"][model.__name__]["description"] = words[group]
    for key, default in flatten(read_yaml(configs_dir() / "base.yaml")):
        _find(schema, key).update(description=words[key], default=default)
    settings = {k: v for k, v in schema["properties"].items() if k != "case"}
    overlay = {"type": "object", "additionalProperties": False, "properties": settings}
    extends = "The file that this one extends: a path relative to it, or a name such as cases/c."
    schema["description"] = "A configuration file of bnstudy: some or all of the keys."
    schema["properties"]["extends"] = {"type": "string", "minLength": 1, "description": extends}
    schema["properties"]["cases"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": dict.fromkeys(("a", "b", "c"), overlay),
        "description": "Settings that apply to one case only.",
    }
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "bnstudy", **schema}


def write_schema() -> None:
    """Write configs/schema.json."""
    text = json.dumps(config_schema(), indent=2) + "\n"
    (configs_dir() / "schema.json").write_text(text, encoding="utf-8")


_KEY_LINE = re.compile(r"(?P<indent> *)(?P<name>[a-z_0-9]+):[^#]*# (?P<words>.*)")
_MORE_WORDS = re.compile(r" +# (?P<words>.*)")


@functools.cache
def descriptions() -> dict[str, str]:
    """Return the comment of every key and group of base.yaml, several lines where it has several.

    {"bn": "the batch norm layers, ...", "bn.momentum": "weight of the OLD moving average ...", ...}
    """
    words: dict[str, str] = {}
    group = key = ""
    for line in (configs_dir() / "base.yaml").read_text(encoding="utf-8").splitlines():
        if match := _KEY_LINE.fullmatch(line):
            if not match["indent"]:
                key = group = match["name"]
            else:
                key = f"{group}.{match['name']}"
            words[key] = match["words"]
        elif key and (match := _MORE_WORDS.fullmatch(line)):
            words[key] += f"\n{match['words']}"
    return words


@functools.cache
def key_schema(key: str) -> dict[str, Any]:
    """Return the JSON Schema of one key's value."""
    schema = Config.model_json_schema()
    found = _find(schema, key)
    name = found.get("$ref", "").rpartition("/")[2]
    return schema["$defs"][name] if name else found


def _find(schema: dict[str, Any], key: str) -> dict[str, Any]:
    group, _, name = key.rpartition(".")
    if group:
        schema = schema["$defs"][_GROUP_MODELS[group].__name__]
    properties: dict[str, dict[str, Any]] = schema["properties"]
    return properties[name]


def _without(node: Any, names: set[str]) -> Any:
    if isinstance(node, dict):
        return {key: _without(value, names) for key, value in node.items() if key not in names}
    return [_without(item, names) for item in node] if isinstance(node, list) else node


if __name__ == "__main__":
    write_schema()
