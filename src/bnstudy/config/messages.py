"""Messages about wrong keys and values: what is wrong, where, and what would be right."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from bnstudy.config.conflicts import one_of
from bnstudy.config.schema import GROUPS, KEYS, Config, key_schema
from bnstudy.config.yaml_reader import show


def key_problem(key: str, value: Any, source: str) -> str | None:
    """Return what is wrong with a key itself, or None."""
    if key in GROUPS:
        keys = ", ".join(GROUPS[key])
        return f"{key}: must be a group of keys ({keys}), got {show(value)} (from {source})"
    if key not in KEYS:
        return f"{source}: unknown key {show(key)}; {_hint(key)}"
    return None


def value_problem(
    error: Mapping[str, Any], values: Mapping[str, Any], sources: Mapping[str, str]
) -> str:
    """Describe one of pydantic's errors, with the value and where it comes from.

    Args:
        error: of pydantic.
        values: of every dotted key.
        sources: the file or option that each value comes from.

    """
    if error["type"] == "conflict":
        right, keys = error["ctx"]["right"], error["ctx"]["keys"]
    else:
        depth = 2 if error["loc"][0] in GROUPS else 1
        keys = [".".join(error["loc"][:depth])]
        right = f"must be {_allowed(key_schema(keys[0]))}"
        if error["type"] == "finite_number":
            right = right.replace("a number", "a finite number")
    if len({sources[key] for key in keys}) == 1:
        blame = f"from {sources[keys[0]]}"
    else:
        blame = ", ".join(f"{key} from {sources[key]}" for key in keys)
    return f"{keys[0]}: {right}, got {show(values[keys[0]])} ({blame})"


def nearest_first(name: str, names: Iterable[str]) -> str:
    """Join the names, those most like `name` first: "quick, lite, as_posted"."""
    return ", ".join(
        sorted(names, key=lambda x: (-difflib.SequenceMatcher(None, name, x).ratio(), x))
    )


def _hint(key: str) -> str:
    """Suggest the nearest known key, else keys with a similar last name, else list them all."""
    group, _, name = key.rpartition(".")
    if group in GROUPS:
        near = [f"{group}.{found}" for found in _close(name, GROUPS[group])]
        known = f"the keys of {group} are {', '.join(GROUPS[group])}"
    else:
        near = _close(key, KEYS if group else Config.model_fields)
        known = f"the keys and groups are {', '.join(Config.model_fields)}"
    if not near:  # perhaps the group is wrong or missing
        names = {full: full.rpartition(".")[2] for full in KEYS}
        found = _close(name, names.values())
        near = [full for full in KEYS if names[full] in found]
    return f"did you mean {' or '.join(map(repr, near))}?" if near else known


def _close(name: str, names: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, list(names), n=1)


def _allowed(schema: Mapping[str, Any]) -> str:
    """Return the allowed values in words, from their JSON Schema: "an integer >= 1 or null"."""
    if "anyOf" in schema:
        return " or ".join(map(_allowed, schema["anyOf"]))
    if "properties" in schema:
        parts = [f"{name}: {_allowed(part)}" for name, part in schema["properties"].items()]
        return f"{{{', '.join(parts)}}}"
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return one_of(schema["enum"])
    kinds = {
        "integer": "an integer",
        "number": "a number",
        "boolean": "true or false",
        "string": "text",
    }
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [
        f"{sign} {schema[name]:g}" if isinstance(schema[name], float) else f"{sign} {schema[name]}"
        for name, sign in signs.items()
        if name in schema
    ]
    kind = kinds.get(schema["type"], schema["type"])
    return f"{kind} {' and '.join(bounds)}" if bounds else kind
