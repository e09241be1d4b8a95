"""A file with a forward and a backward: run it, check it; and the files for students to fill in."""

import contextlib
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bnstudy.errors import UserError
from bnstudy.gradient_check.own_layer.call import place_of, shown
from bnstudy.output import echo

if TYPE_CHECKING:
    from bnstudy.gradient_check.own_layer.report import LayerResult

TEMPLATES = Path(__file__).with_name("templates")


def check_file(
    path: str | Path, *, seed: int = 0, insist: bool = False, as_text: bool = True
) -> int:
    """Check the pair of functions in a file, and print the table.

    Args:
        path: of a Python file with `forward` and `backward`, and `inputs(rng)` unless x is the only
            argument. With `TEMPLATE = NAME` in it, there are hints instead of names of mistakes.
        seed: as `check_layer`.
        insist: as `check_layer`.
        as_text: print a table; otherwise JSON.

    Returns:
        The exit code: 0 right, 1 wrong, 2 no verdict.

    Raises:
        UserError: the file cannot be run, or the set-up says nothing.

    """
    from bnstudy.gradient_check.own_layer.check import check_layer

    with contextlib.redirect_stdout(sys.stdout if as_text else sys.stderr):  # the file may print
        module = load(Path(path))
        result = check_layer(
            module.forward,
            module.backward,
            getattr(module, "inputs", None),
            seed=seed,
            insist=insist,
            hints_only=getattr(module, "TEMPLATE", False),
        )
    echo(str(result) if as_text else json.dumps(as_json(result)))
    return result.exit_code


def as_json(result: "LayerResult") -> dict[str, object]:
    """Return a result as JSON can hold it."""
    return _finite(asdict(result)) | {"passed": result.passed}


def _finite(value: Any) -> Any:
    """Return a value with text for the numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_finite(entry) for entry in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def load(path: Path) -> ModuleType:
    """Run a file as a module.

    Raises:
        UserError: it cannot be read, has an error, or lacks forward or backward.

    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    module = ModuleType(f"{path.stem} (checked)")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses look for it
    sys.path.insert(0, str(path.resolve().parent))  # what lies beside it can be imported
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        where = f"{error.filename or path}, line {error.lineno}"
        raise UserError(f"{where}: {type(error).__name__}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        raise UserError(f"{place_of(error, None, str(path))}: {shown(error)}") from error
    finally:
        sys.path.pop(0)
    for name in ("forward", "backward"):
        if not callable(getattr(module, name, None)):
            raise UserError(f"{path}: has no function {name}; {_class(module) or _DUE[name]}")
    return module


_DUE = {
    "forward": "add: def forward(x): return y, cache",
    "backward": "add: def backward(dy, cache): return dx",
}


def _class(module: ModuleType) -> str:
    """Return the lines to add to a file whose functions are the methods of a class."""
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and hasattr(value, "forward") and hasattr(value, "backward")
    ]
    if not names:
        return ""
    return f"add: layer = {names[-1]}(...); forward, backward = layer.forward, layer.backward"


def template_names() -> list[str]:
    """Return the names of the templates."""
    return sorted(p.stem for p in TEMPLATES.glob("*.py") if not p.stem.startswith("_"))


def template(name: str) -> str:
    """Return a file with a complete forward and an empty backward.

    Raises:
        UserError: there is none of this name.

    """
    if name not in template_names():
        raise UserError(f"no template {name!r}; there are {', '.join(template_names())}")
    return (TEMPLATES / f"{name}.py").read_text(encoding="utf-8")
