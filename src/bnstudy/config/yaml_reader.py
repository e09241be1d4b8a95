"""Strict reading of YAML files: plain values only, and one-line errors.

YAML 1.2's core schema: 1e-3 is a number, "yes" and 1:30 are text. (PyYAML alone reads YAML 1.1,
where they are text, a boolean and ninety.) Duplicate keys are refused, and so is every tag that
would make a Python object.
"""

import json
import os
import re
import reprlib
from pathlib import Path
from typing import Any

import yaml

from bnstudy.errors import UserError
from bnstudy.paths import shipped

MAX_BYTES = 1_000_000  # a configuration larger than this is some other file
MAX_DIGITS = 1000  # of an integer; Python itself refuses to print those of more than 4300

_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "null": re.compile(r"(~|null|Null|NULL|)\Z"),
    "bool": re.compile(r"(true|True|TRUE|false|False|FALSE)\Z"),
    "int": re.compile(r"([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"),
    "float": re.compile(
        r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z"
    ),
    "str": re.compile(""),  # any text
}


def configs_dir() -> Path:
    """Return the folder of the shipped configurations: in the package, or in the checkout."""
    return shipped("configs")


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        UserError: it cannot be read, or holds something else.

    """
    source = file_name(Path(path))
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise user_error(f"{source}: cannot be read: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise user_error(f"{source}: larger than 1 MB; a configuration file is a page of YAML")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise user_error(f"{source}: line {line}: not UTF-8 text; save the file as UTF-8") from None
    values = parse_yaml(text, source)
    if values is None or values == {}:
        right = "write at least one key, as in configs/base.yaml"
        raise user_error(f"{source}: the file is empty; {right}")
    if not isinstance(values, dict):
        right = "must hold keys with values, such as 'seed: 1'"
        raise user_error(f"{source}: {right}, got {show(values)}")
    return values


def parse_yaml(text: str, source: str) -> Any:
    """Return the value of a YAML text.

    Args:
        text: to parse.
        source: where it comes from, for messages.

    Raises:
        UserError: it is not YAML, or holds more than plain values.

    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark or error.context_mark, error.problem or error.context
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        tab = " (indent with spaces, not tabs)" if "'\\t'" in str(problem) else ""
        raise user_error(f"{source}: {where}{problem}{tab}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise user_error(f"{source}: line {line}: a control character; write plain text") from None
    except RecursionError:
        raise user_error(f"{source}: nested too deeply; a configuration has two levels") from None


def write_yaml(values: dict[str, Any]) -> str:
    """Return the text that `parse_yaml` reads as these values, in their order."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, width=10_000)


def user_error(text: str) -> UserError:
    """Return the error with this message, on one line even if a file name has line breaks."""
    return UserError(" ".join(text.split()))


def show(value: Any) -> str:
    """Return a value on one short line, the plain ones as YAML writes them."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    short = reprlib.Repr()
    short.maxlevel, short.maxstring, short.maxother, short.maxlong = 2, 80, 80, 40
    try:
        return short.repr(value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        return "an enormous integer"


def file_name(path: Path) -> str:
    """Return a file's name for messages: "configs/cases/c.yaml", or as the user gave it."""
    root = configs_dir()
    return f"configs/{path.relative_to(root).as_posix()}" if root in path.parents else str(path)


class _Loader(yaml.SafeLoader):
    """Reads plain values only: no tag makes an object, and no key is given twice."""

    def scalar(self, node: yaml.Node) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if not isinstance(node, yaml.ScalarNode):
            raise _refusal(node, f"a list or mapping is not of type {kind}")
        text = node.value
        if not _SCALARS[kind].match(text):
            raise _refusal(node, f"{show(text)} is not of type {kind}")
        if kind == "int" and len(text) > MAX_DIGITS:
            raise _refusal(node, f"an integer of more than {MAX_DIGITS} digits")
        return _value(kind, text)

    def sequence(self, node: yaml.SequenceNode) -> list[Any]:
        return self.construct_sequence(node)

    def mapping(self, node: yaml.Node) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise _refusal(node, "not a mapping")
        result: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal(key, "a key must be plain text")
            if key.value in result:
                raise _refusal(key, f"duplicate key {show(key.value)}; drop one of them")
            result[key.value] = self.construct_object(value)
        return result

    def unknown(self, node: yaml.Node) -> None:
        tag = node.tag.replace(_TAG, "!!")
        raise _refusal(node, f"tag {show(tag)} is refused; write a plain value")


def _refusal(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _value(kind: str, text: str) -> Any:
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        case "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


class _Dumper(yaml.SafeDumper):
    """Quotes strings that YAML 1.1 or our reader would not read back as strings."""


_Loader.yaml_implicit_resolvers = {}  # none of PyYAML's own
_Loader.yaml_constructors = {}
for _kind, _pattern in _SCALARS.items():
    _Loader.add_constructor(_TAG + _kind, _Loader.scalar)
    if _kind != "str":
        _Loader.add_implicit_resolver(_TAG + _kind, _pattern, None)
        _Dumper.add_implicit_resolver(_TAG + _kind, _pattern, None)
_Loader.add_constructor(_TAG + "seq", _Loader.sequence)
_Loader.add_constructor(_TAG + "map", _Loader.mapping)
_Loader.add_constructor(None, _Loader.unknown)
