"""Resolve a configuration: base.yaml < case < presets < file < overrides, where later ones win.

    config = load_config(case="c", presets=["quick"], overrides={"training.epochs": 2})

The keys are in schema.py; how files are read is in yaml_reader.py.
"""

import numbers
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from bnstudy.config.messages import key_problem, nearest_first, value_problem
from bnstudy.config.schema import GROUPS, KEYS, Config, affects_results, flatten
from bnstudy.config.yaml_reader import (
    configs_dir,
    file_name,
    parse_yaml,
    read_yaml,
    show,
    user_error,
)
from bnstudy.paths import as_list, user_path


class _Overlay(NamedTuple):
    """The values of one file or one override, and where they come from."""

    source: str
    values: Mapping[str, Any]
    path: Path | None = None
    cases: Mapping[str, Any] = {}  # settings that apply to one case only


def load_config(
    case: str | None = None,
    presets: Iterable[str] = (),
    file: str | os.PathLike[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    sources: Mapping[str, str] | None = None,
) -> Config:
    """Resolve base.yaml < case < presets < file < overrides.

    Args:
        case: "a", "b" or "c". A file with `case: c`, or one that extends such a file, chooses the
            case too: cases/c.yaml then comes before the presets, as always.
        presets: names such as "quick"; later ones win.
        file: a YAML file with the keys that differ.
        overrides: dotted keys, or groups, with their values.
        sources: what messages call the place of an override, or of "case", by key; "--set" and
            "--case" unless given.

    Returns:
        The complete configuration.

    Raises:
        UserError: an unknown key, a value that is not allowed, or a file that cannot be read.

    """
    presets = as_list(() if presets is None else presets, "presets", "names of presets")
    if not isinstance(overrides, Mapping | None):
        raise user_error(
            f"overrides is of type {type(overrides).__name__}, must map keys to values, such as "
            '{"training.epochs": 2}'
        )
    overlays = _chain(configs_dir() / "base.yaml")
    for preset in presets:
        overlays += _chain(_shipped("preset", preset))
    if file is not None:
        overlays += _chain(user_path(file, "file", "the path of a configuration file"))
    sources = sources or {}
    for key, value in (overrides or {}).items():
        overlays.append(_Overlay(sources.get(key, "--set"), {str(key): value}))
    case = _only_case(case, sources.get("case", "--case"), overlays)
    if case is not None:
        overlays += _chain(_shipped("case", case))
    # A stable sort: base.yaml and the case come first, whichever file extends them.
    return _resolve(sorted(overlays, key=_rank), case)


def parse_set(text: str, option: str = "--set") -> tuple[str, Any]:
    """Split "KEY=VALUE", with VALUE read as YAML: "bn.momentum=0.9" -> ("bn.momentum", 0.9).

    Args:
        text: to split.
        option: where it was given, for messages.

    Raises:
        UserError: there is no "=", no key, or the value is not YAML.

    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise user_error(f"{option} {show(text)}: must be KEY=VALUE, for example training.epochs=3")
    return key.strip(), parse_yaml(value, f"{option} {show(text)}")


def differences(a: Config, b: Config) -> list[str]:
    """Return the keys that affect results and differ: ["bn.momentum: 0.99 here, 0.9 there"]."""

    def bare(value: Any) -> str:
        return value if isinstance(value, str) else show(value)

    here, there = a.flat(), b.flat()
    return [
        f"{key}: {bare(here[key])} here, {bare(there[key])} there"
        for key in KEYS
        if here[key] != there[key] and affects_results(key)
    ]


def changed_keys(config: Config) -> dict[str, Any]:
    """Return the keys that affect results and are not at their default in base.yaml."""
    default = load_config().flat()
    return {
        key: value
        for key, value in config.flat().items()
        if affects_results(key) and value != default[key]
    }


def _chain(path: Path) -> list[_Overlay]:
    """Return the overlays of a file: those that it extends, the farthest first, then its own."""
    overlays: list[_Overlay] = []
    while True:
        values, source = read_yaml(path), file_name(path)
        cases, extends = values.pop("cases", {}), values.pop("extends", None)
        _check_cases(cases, source)
        overlays.insert(0, _Overlay(source, values, path.resolve(), cases))
        if extends is None:
            return overlays
        path = _find_extended(extends, path)
        if path.resolve() in [overlay.path for overlay in overlays]:
            names = [*(overlay.source for overlay in reversed(overlays)), file_name(path)]
            raise user_error(f"extends goes in a circle: {' -> '.join(names)}")


def _find_extended(extends: Any, path: Path) -> Path:
    """Return the file that `extends` names: relative to the file's folder, or a shipped one."""
    where = file_name(path)
    if not isinstance(extends, str) or not extends:
        right = "must be one path or name such as cases/c"
        raise user_error(f"{where}: extends: {right}, got {show(extends)}")
    root = configs_dir()
    for folder in (path.parent, root):
        for name in (extends, extends + ".yaml"):
            name = os.path.expanduser(name)
            if os.path.isfile(folder / name):
                return Path(os.path.normpath(folder / name))
    shipped = [p.relative_to(root).with_suffix("").as_posix() for p in root.rglob("*.yaml")]
    raise user_error(
        f"{where}: extends {show(extends)}: no such file in {str(path.parent)!r}; "
        f"the shipped ones are {nearest_first(extends, shipped)}"
    )


def _check_cases(cases: Any, source: str) -> None:
    """Refuse a section `cases` that does not map cases to settings."""
    if not isinstance(cases, Mapping):
        raise user_error(f"{source}: cases: must map cases to settings, got {show(cases)}")
    for name, settings in cases.items():
        _shipped("case", name, f"{source}: cases: ")
        if not isinstance(settings, Mapping) or "case" in settings:
            right = "must be settings, without a 'case' of their own"
            raise user_error(f"{source}: cases.{name}: {right}, got {show(settings)}")


def _shipped(kind: str, name: Any, where: str = "") -> Path:
    """Return the file of a case or a preset."""
    names = [path.stem for path in (configs_dir() / f"{kind}s").glob("*.yaml")]
    if name not in names:
        known = nearest_first(str(name), names)
        raise user_error(f"{where}unknown {kind} {show(name)}; the {kind}s are {known}")
    return configs_dir() / f"{kind}s" / f"{name}.yaml"


def _only_case(case: str | None, source: str, overlays: list[_Overlay]) -> str | None:
    """Return the chosen case, and refuse two different ones: the run's name would be wrong."""
    stated = [(source, case)] if case is not None else []
    stated += [(x.source, x.values["case"]) for x in overlays if "case" in x.values and _rank(x)]
    for source, value in stated:
        if value is not None:
            _shipped("case", value, f"{source}: ")
        if value != stated[0][1]:
            first = f"{stated[0][0]} says case {show(stated[0][1])}"
            raise user_error(f"{first}, but {source} says case {show(value)}; drop one of them")
    return stated[0][1] if stated else None


def _rank(overlay: _Overlay) -> int:
    """Return the place in the order: 0 for base.yaml, 1 for a shipped case, 2 for all others."""
    root = configs_dir().resolve()
    if overlay.path == root / "base.yaml":
        return 0
    return 1 if overlay.path is not None and overlay.path.parent == root / "cases" else 2


def _resolve(overlays: list[_Overlay], case: str | None) -> Config:
    """Apply the overlays in order, remember the source of every value, and validate the result."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    problems: list[str] = []
    for overlay in overlays:
        for only_case, settings in [(None, overlay.values), *overlay.cases.items()]:
            said, found = _checked(settings, overlay.source)
            problems += found
            if only_case in (None, case):
                values |= said
                sources |= dict.fromkeys(said, overlay.source)
    try:
        config = Config.model_validate(_nested(values))
    except ValidationError as error:
        complaints = error.errors(include_url=False, include_input=False)
        found = [value_problem(complaint, values, sources) for complaint in complaints]
        problems += dict.fromkeys(found)  # each once: 0 is neither a number of devices nor auto
    if problems:
        more = len(problems) - 1
        rest = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
        raise user_error(problems[0] + rest)
    return config


def _checked(settings: Mapping[str, Any], source: str) -> tuple[dict[str, Any], list[str]]:
    """Return the values of the known keys, dotted, and what is wrong with the others."""
    values: dict[str, Any] = {}
    problems = []
    for key, value in flatten(settings):
        problem = key_problem(key, value, source)
        if key in values:
            problem = f"{source}: {key} is given twice, nested and dotted; drop one"
        if problem:
            problems.append(problem)
        else:
            values[key] = _plain(value)
    return values, problems


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {group: {} for group in GROUPS}
    for key, value in values.items():
        group, _, name = key.rpartition(".")
        (nested[group] if group else nested)[name] = value
    return nested


def _plain(value: Any) -> Any:
    """Return NumPy scalars, paths and the like as Python's own types; anything else as it is."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):  # NumPy, without importing it
        value = value.item()
    match value:
        case bool():
            return value
        case numbers.Integral():
            return int(value)
        case numbers.Real():
            return float(value)
        case str():
            return str(value)
        case os.PathLike():
            return os.fspath(value)
    return value
