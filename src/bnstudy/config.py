"""Typed configuration: load, extend, override, reject.

    config = load_config(case="c", presets=["quick"], overrides={"training.epochs": 2})

Later layers win: base.yaml < case < presets < file < overrides. The defaults stand in
configs/base.yaml and nowhere else; the models below say which values are allowed and mean what.
After a change of either, write the schema that editors use anew:

    python -c "import bnstudy.config as c; c.write_schema()"
"""

import difflib
import functools
import json
import numbers
import os
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from bnstudy.errors import UserError

MAX_BYTES = 1_000_000  # a configuration larger than this is some other file
VARIANTS = {
    "sgd": ("paper",),
    "momentum": ("paper",),
    "adam": ("paper", "keras"),
    "amsgrad": ("paper", "keras", "optax", "as_posted"),
}

# ------------------------------------------------------------------------------- the models


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Data(_Strict):
    """Which images, and what is done to them."""

    name: Literal["cifar10", "digits"] = Field(description="The data set; digits is built in.")
    dir: str | None = Field(min_length=1, description="Where CIFAR-10 lies; null: search, fetch.")
    train_limit: int | None = Field(ge=10, description="Size of a fixed, class-balanced part.")
    test_limit: int | None = Field(ge=10, description="Size of a fixed, class-balanced part.")
    standardize: Literal["train_channels", "batch_pixels"] = Field(
        description="Per channel by the training set, or per pixel by the current batch."
    )
    augment: bool = Field(description="Add one augmented copy of each image to the batch.")


class Model(_Strict):
    """The All-CNN."""

    # round(96 * width) >= 1: the narrowest layer keeps a channel.
    width: float = Field(gt=1 / 192, description="Factor on every layer's number of channels.")
    batch_norm: Literal["none", "keras", "custom"] = Field(
        description="No batch norm, the framework's layer, or our own."
    )
    weight_stddev: float = Field(gt=0, description="Standard deviation of the weights, width 1.")


class BatchNorm(_Strict):
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
    debias: bool = Field(description="Correct the moving averages for their start.")


class Training(_Strict):
    """The loop."""

    epochs: int = Field(ge=1, description="Passes over the training images.")
    batch_size: int = Field(ge=1, description="What the network sees, augmented copies included.")
    gradients: Literal["autodiff", "manual"] = Field(
        description="By automatic differentiation, or by hand."
    )
    precision: Literal["float32", "bfloat16"] = Field(description="Of activations and gradients.")


class Optimizer(_Strict):
    """The update of the weights."""

    name: Literal["sgd", "momentum", "adam", "amsgrad"] = Field(description="The rule.")
    variant: Literal["paper", "keras", "optax", "as_posted"] = Field(
        description="Whose definition of the rule; adam has paper and keras, amsgrad all four."
    )
    learning_rate: float = Field(gt=0, description="The rate before the first epoch.")
    decay: float = Field(ge=0, description="rate = learning_rate / (1 + decay * epoch).")
    beta_1: float = Field(ge=0, lt=1, description="Decay of the first moment, or momentum.")
    beta_2: float = Field(ge=0, lt=1, description="Decay of the second moment.")
    epsilon: float = Field(gt=0, description="Added outside the square root.")


class Config(_Strict):
    """A whole, resolved configuration. Make one with `load_config`."""

    case: Literal["a", "b", "c"] | None = Field(description="Which of the post's experiments.")
    seed: int = Field(ge=0, le=2**31 - 1, description="Of weights, shuffles and augmentation.")
    data: Data
    model: Model
    bn: BatchNorm
    training: Training
    optimizer: Optimizer

    @model_validator(mode="after")
    def _keys_agree(self) -> "Config":
        name, variant = self.optimizer.name, self.optimizer.variant
        if variant not in VARIANTS[name]:
            _conflict(f"must be {_listed(VARIANTS[name])} for {name}", "variant name", "optimizer")
        if self.data.augment and self.training.batch_size % 2:
            right = "must be even when data.augment is true (half images, half augmented copies)"
            _conflict(right, "training.batch_size data.augment")
        return self

    def flat(self) -> dict[str, Any]:
        """Every key, dotted, with its value: {"case": "c", "seed": 0, "data.name": ...}."""
        return dict(_leaves(self.model_dump()))

    def to_yaml(self) -> str:
        """The text of a file that `load_config(file=...)` reads as this configuration."""
        return yaml.dump(self.model_dump(), Dumper=_Dumper, sort_keys=False, width=10_000)


GROUPS = {
    name: list(field.annotation.model_fields)
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
KEYS = [
    key
    for name in Config.model_fields
    for key in ([f"{name}.{part}" for part in GROUPS[name]] if name in GROUPS else [name])
]


def _conflict(right: str, keys: str, group: str = "") -> None:
    """Say what is wrong between keys; the first one is to be changed."""
    dotted = [f"{group}.{key}" if group else key for key in keys.split()]
    raise PydanticCustomError("conflict", "{right}", {"right": right, "keys": dotted})


# ------------------------------------------------------------------------------- loading


class _Layer(NamedTuple):
    """What one file or one override says, and who says it."""

    source: str
    values: Mapping[str, Any]
    path: Path | None = None
    cases: Mapping[str, Any] = {}  # overlays that apply to one case only


def configs_dir() -> Path:
    """The folder of the shipped configurations: inside the package, or of the checkout."""
    here = Path(__file__).resolve()
    packaged = here.parent / "configs"
    return packaged if packaged.is_dir() else here.parents[2] / "configs"


def load_config(
    case: str | None = None,
    presets: Iterable[str] = (),
    file: str | os.PathLike[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """Resolve base.yaml < case < presets < file < overrides.

    `overrides` maps dotted keys to values. A file that states `case: c`, or extends a file that
    does, stands on cases/c.yaml, which is then beneath the presets as always.
    Raises UserError, one line: what is wrong, where, what would be right.
    """
    presets = [presets] if isinstance(presets, str) else presets or ()
    layers = _chain(configs_dir() / "base.yaml")
    for preset in presets:
        layers += _chain(_shipped("preset", preset))
    if file is not None:
        layers += _chain(Path(file))
    layers += [_Layer("--set", {str(key): value}) for key, value in (overrides or {}).items()]
    case = _only_case(case, layers)
    if case is not None:
        layers += _chain(_shipped("case", case))
    # A stable sort: base.yaml and the case come first, whoever extends them.
    return _resolve(sorted(layers, key=_rank), case)


def parse_set(text: str) -> tuple[str, Any]:
    """Split "KEY=VALUE", with VALUE read as YAML: "bn.momentum=0.9" -> ("bn.momentum", 0.9)."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise _error(f"--set {_show(text)}: must be KEY=VALUE, for example training.epochs=3")
    return key.strip(), _parse(value, f"--set {_show(text)}")


def differences(a: Config, b: Config) -> list[str]:
    """What differs, as "bn.momentum: 0.99 here, 0.9 there"; data.dir changes no figure."""
    here, there = a.flat(), b.flat()
    return [
        f"{key}: {_bare(here[key])} here, {_bare(there[key])} there"
        for key in KEYS
        if here[key] != there[key] and key != "data.dir"
    ]


def _chain(path: Path) -> list[_Layer]:
    """The layers of a file: all that it extends, the farthest first, then itself."""
    layers: list[_Layer] = []
    while True:
        values, source = read_yaml(path), _name(path)
        cases, extends = values.pop("cases", {}), values.pop("extends", None)
        layers.insert(0, _Layer(source, values, path.resolve(), _checked_cases(cases, source)))
        if extends is None:
            return layers
        path = _find_extended(extends, path)
        if path.resolve() in [layer.path for layer in layers]:
            names = [*(layer.source for layer in reversed(layers)), _name(path)]
            raise _error(f"extends goes in a circle: {' -> '.join(names)}")


def _find_extended(extends: Any, path: Path) -> Path:
    """A path relative to the file's folder, or the name of a shipped configuration."""
    if not isinstance(extends, str) or not extends:
        right = "must be one path or name such as cases/c"
        raise _error(f"{_name(path)}: extends: {right}, got {_show(extends)}")
    for folder in (path.parent, configs_dir()):
        for name in (extends, extends + ".yaml"):
            if os.path.isfile(folder / name):
                return Path(os.path.normpath(folder / name))
    root = configs_dir()
    shipped = [p.relative_to(root).with_suffix("").as_posix() for p in root.rglob("*.yaml")]
    raise _error(
        f"{_name(path)}: extends {_show(extends)}: no such file in {str(path.parent)!r}; "
        f"the shipped ones are {', '.join(_nearest(extends, shipped))}"
    )


def _checked_cases(cases: Any, source: str) -> dict[str, Any]:
    if not isinstance(cases, Mapping):
        raise _error(f"{source}: cases: must map cases to settings, got {_show(cases)}")
    for name, overlay in cases.items():
        _shipped("case", name, f"{source}: cases: ")
        if not isinstance(overlay, Mapping) or "case" in overlay:
            right = "must be settings, without a 'case' of their own"
            raise _error(f"{source}: cases.{name}: {right}, got {_show(overlay)}")
    return dict(cases)


def _shipped(kind: str, name: Any, where: str = "") -> Path:
    """The file of a case or a preset."""
    names = sorted(path.stem for path in (configs_dir() / f"{kind}s").glob("*.yaml"))
    if name not in names:
        known = ", ".join(_nearest(str(name), names))
        raise _error(f"{where}unknown {kind} {_show(name)}; the {kind}s are {known}")
    return configs_dir() / f"{kind}s" / f"{name}.yaml"


def _only_case(case: str | None, layers: list[_Layer]) -> str | None:
    """The case that is asked for; two different ones would give a run a wrong name."""
    stated = [("--case", case)] if case is not None else []
    stated += [(x.source, x.values["case"]) for x in layers if "case" in x.values and _rank(x)]
    for source, value in stated:
        if value is not None:
            _shipped("case", value, f"{source}: ")
        if value != stated[0][1]:
            first = f"{stated[0][0]} says case {_show(stated[0][1])}"
            raise _error(f"{first}, but {source} says case {_show(value)}; drop one of them")
    return stated[0][1] if stated else None


def _rank(layer: _Layer) -> int:
    """0 for base.yaml, 1 for a shipped case, 2 for all others."""
    root = configs_dir().resolve()
    if layer.path == root / "base.yaml":
        return 0
    return 1 if layer.path is not None and layer.path.parent == root / "cases" else 2


def _resolve(layers: list[_Layer], case: str | None) -> Config:
    """Lay the layers over each other, remember who said what, and judge the outcome."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    problems: list[str] = []
    for layer in layers:
        overlays = [(True, layer.values), *((x == case, y) for x, y in layer.cases.items())]
        for applies, overlay in overlays:
            said = set()
            for key, value in _leaves(overlay):
                problem = _key_problem(key, value, layer.source, key in said)
                said.add(key)
                if problem:
                    problems.append(problem)
                elif applies:
                    values[key], sources[key] = _plain(value), layer.source
    nested: dict[str, Any] = {group: {} for group in GROUPS}
    for key, value in values.items():
        group, _, name = key.rpartition(".")
        (nested[group] if group else nested)[name] = value
    try:
        config = Config.model_validate(nested)
    except ValidationError as error:
        problems += [
            _value_problem(e, values, sources)
            for e in error.errors(include_url=False, include_input=False)
        ]
    if problems:
        more = len(problems) - 1
        rest = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
        raise _error(problems[0] + rest)
    return config


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; of what is no group, or no known key, the value as it is."""
    for name, value in values.items():
        key = f"{prefix}{name}"
        if key in GROUPS and isinstance(value, Mapping):
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _plain(value: Any) -> Any:
    """NumPy numbers, paths and the like as Python's own types; what else there is, as it is."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if value is None or isinstance(value, bool):
        return value
    for kind, plain in ((numbers.Integral, int), (numbers.Real, float), (str, str)):
        if isinstance(value, kind):
            return plain(value)
    return value


# ------------------------------------------------------------------------------- messages


def _error(text: str) -> UserError:
    return UserError(" ".join(text.split()))  # one line, whatever a file name holds


def _key_problem(key: str, value: Any, source: str, twice: bool) -> str | None:
    if key in GROUPS:
        return (
            f"{key}: must be a group of keys ({', '.join(GROUPS[key])}), "
            f"got {_show(value)} (from {source})"
        )
    if key not in KEYS:
        return f"{source}: unknown key {_show(key)}; {_hint(key)}"
    return f"{source}: {key} is given twice, nested and dotted; drop one" if twice else None


def _hint(key: str) -> str:
    """The nearest known key, else those of the same last name, else all there are."""
    group, _, name = key.rpartition(".")
    if group in GROUPS:
        near = [f"{group}.{x}" for x in difflib.get_close_matches(name, GROUPS[group], n=1)]
    else:
        near = difflib.get_close_matches(key, KEYS if group else Config.model_fields, n=1)
    near = near or [known for known in KEYS if known.rpartition(".")[2] == name]
    if not near and not group:  # a misspelt key that lacks its group
        names = {known.rpartition(".")[2]: known for known in KEYS}
        near = [names[found] for found in difflib.get_close_matches(name, names, n=1)]
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    if group in GROUPS:
        return f"the keys of {group} are {', '.join(GROUPS[group])}"
    return f"the keys and groups are {', '.join(Config.model_fields)}"


def _value_problem(error: Any, values: Mapping[str, Any], sources: Mapping[str, str]) -> str:
    """One line for one complaint of pydantic."""
    if error["type"] == "conflict":
        right, keys = error["ctx"]["right"], error["ctx"]["keys"]
    else:
        group_and_name = error["loc"][:2] if error["loc"][0] in GROUPS else error["loc"][:1]
        keys = [".".join(group_and_name)]
        right = f"must be {_right(_key_schema(keys[0]))}"
        if error["type"] == "finite_number":
            right = right.replace("a number", "a finite number")
    if len({sources.get(key) for key in keys}) == 1:
        blame = f"from {sources.get(keys[0], 'nowhere')}"
    else:
        blame = ", ".join(f"{key} from {sources[key]}" for key in keys)
    return f"{keys[0]}: {right}, got {_show(values.get(keys[0]))} ({blame})"


def _right(schema: Mapping[str, Any]) -> str:
    """The allowed values in words, from their JSON Schema: "an integer >= 1 or null"."""
    if "anyOf" in schema:
        return " or ".join(map(_right, schema["anyOf"]))
    if "enum" in schema:
        return _listed(schema["enum"])
    kinds = {"integer": "an integer", "number": "a number", "boolean": "true or false"}
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [
        f"{sign} {schema[k]:.4g}" if isinstance(schema[k], float) else f"{sign} {schema[k]}"
        for k, sign in signs.items()
        if k in schema
    ]
    kind = kinds.get(schema["type"], schema["type"].replace("string", "text"))
    return " ".join([kind, " and ".join(bounds)]).strip()


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"


def _nearest(name: str, names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda x: (-difflib.SequenceMatcher(None, name, x).ratio(), x))


def _show(value: Any) -> str:
    """A value on one short line, as YAML writes the plain ones."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    short = reprlib.Repr()
    short.maxlevel, short.maxstring, short.maxother, short.maxlong = 2, 80, 80, 40
    try:
        return short.repr(value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        return "an enormous integer"


def _bare(value: Any) -> str:
    return value if isinstance(value, str) else _show(value)


def _name(path: Path) -> str:
    """How messages call a file: "configs/cases/c.yaml" for ours, the user's own words else."""
    root = configs_dir()
    return f"configs/{path.relative_to(root).as_posix()}" if root in path.parents else str(path)


# ------------------------------------------------------------------------------- YAML

_SCALARS = {  # YAML 1.2 core schema: 1e-3 is a number, "yes" and 1:30 are text
    "null": re.compile(r"(~|null|Null|NULL|)\Z"),
    "bool": re.compile(r"(true|True|TRUE|false|False|FALSE)\Z"),
    "int": re.compile(r"([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"),
    "float": re.compile(
        r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z"
    ),
}
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """Plain values only: no tag makes an object, no key comes twice, no alias holds itself."""

    yaml_implicit_resolvers: ClassVar[dict] = {}
    yaml_constructors: ClassVar[dict] = {}

    def refuse(self, node: yaml.Node, problem: str) -> yaml.YAMLError:
        return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)

    def scalar(self, node: yaml.Node) -> Any:
        kind, text = node.tag.removeprefix(_TAG), str(node.value)
        if kind == "str" and isinstance(node, yaml.ScalarNode):
            return text
        if not isinstance(node, yaml.ScalarNode) or not _SCALARS[kind].match(text):
            found = _show(text) if isinstance(node, yaml.ScalarNode) else "a list or mapping"
            raise self.refuse(node, f"{found} is not of type {kind}")
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        if len(text) > 1000:
            raise self.refuse(node, "an integer of more than 1000 digits")
        return int(text, base)

    def sequence(self, node: yaml.Node) -> list[Any]:
        return self.construct_sequence(node)

    def mapping(self, node: yaml.Node) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise self.refuse(node, "not a mapping")
        result: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.refuse(key, "a key must be plain text")
            if key.value in result:
                raise self.refuse(key, f"duplicate key {_show(key.value)}; drop one of them")
            result[key.value] = self.construct_object(value)
        return result

    def unknown(self, node: yaml.Node) -> None:
        tag = node.tag.replace(_TAG, "!!")
        raise self.refuse(node, f"tag {_show(tag)} is refused; write a plain value")


class _Dumper(yaml.SafeDumper):
    """Quotes what either YAML 1.1 or our reader would take for something other than text."""


for _kind, _regexp in _SCALARS.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _kind, _regexp, None)
    _Loader.add_constructor(_TAG + _kind, _Loader.scalar)
_Loader.add_constructor(_TAG + "str", _Loader.scalar)
_Loader.add_constructor(_TAG + "seq", _Loader.sequence)
_Loader.add_constructor(_TAG + "map", _Loader.mapping)
_Loader.add_constructor(None, _Loader.unknown)


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; UserError, in one line, if it does not."""
    source = _name(Path(path))
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _error(f"{source}: cannot be read: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise _error(f"{source}: larger than 1 MB; a configuration file is a page of YAML")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _error(f"{source}: line {line}: not UTF-8 text; save the file as UTF-8") from None
    values = _parse(text, source)
    if values is None or values == {}:
        raise _error(
            f"{source}: the file is empty; write at least one key, as in configs/base.yaml"
        )
    if not isinstance(values, dict):
        right = "must hold keys with values, such as 'seed: 1'"
        raise _error(f"{source}: {right}, got {_show(values)}")
    return values


def _parse(text: str, source: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark or error.context_mark, error.problem or error.context
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        tab = " (indent with spaces, not tabs)" if "'\\t'" in str(problem) else ""
        raise _error(f"{source}: {where}{problem}{tab}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _error(f"{source}: line {line}: a control character; write plain text") from None
    except RecursionError:
        raise _error(f"{source}: nested too deeply; a configuration has two levels") from None


# ------------------------------------------------------------------------------- JSON Schema


def config_schema() -> dict[str, Any]:
    """The JSON Schema of a configuration file: any part of the keys, `extends` and `cases`."""
    schema = _without(Config.model_json_schema(), {"title", "required"})
    base = read_yaml(configs_dir() / "base.yaml")
    for name, group in GROUPS.items():
        definition = schema["$defs"][schema["properties"][name]["$ref"].rpartition("/")[2]]
        for key in group:
            definition["properties"][key]["default"] = base[name][key]
    settings = {k: v for k, v in schema["properties"].items() if k != "case"}
    schema["properties"]["seed"]["default"] = base["seed"]
    schema["properties"]["case"]["default"] = base["case"]
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
def _key_schema(key: str) -> dict[str, Any]:
    schema = Config.model_json_schema()
    group, _, name = key.rpartition(".")
    if group:
        schema = schema["$defs"][Config.model_fields[group].annotation.__name__]
    return schema["properties"][name]


def _without(node: Any, names: set[str]) -> Any:
    if isinstance(node, dict):
        return {key: _without(value, names) for key, value in node.items() if key not in names}
    return [_without(item, names) for item in node] if isinstance(node, list) else node
