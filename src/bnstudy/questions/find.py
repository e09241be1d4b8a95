"""The questions: the folders experiments/qN_name, in the package or in the checkout."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from bnstudy.errors import UserError
from bnstudy.paths import shipped

PARTS = ("measure", "judge", "draw")  # the functions of an analysis


@dataclass(frozen=True)
class Question:
    """One of the questions.

    Attributes:
        number: from 1 to 5.
        folder: with README.md, analysis.py and, if it needs runs, plan.yaml.

    """

    number: int
    folder: Path

    @property
    def name(self) -> str:
        """The name of its folder, such as q5_moving_averages."""
        return self.folder.name

    @property
    def title(self) -> str:
        """The heading of its README.md."""
        heading = (self.folder / "README.md").read_text(encoding="utf-8").partition("\n")[0]
        return heading.lstrip("# ")

    @property
    def plan(self) -> Path | None:
        """The plan of its runs, or None if it needs none."""
        path = self.folder / "plan.yaml"
        return path if path.is_file() else None

    def analysis(self) -> ModuleType:
        """Load analysis.py, by its path."""
        module = load_file(self.folder / "analysis.py")
        for name in PARTS:
            if not callable(getattr(module, name, None)):
                raise TypeError(f"{module.__file__} has no function {name}")
        return module


def load_file(path: str | Path) -> ModuleType:
    """Load a module by its path, such as a file beside an analysis.

    It is not importable by its name, so that files of different questions may share one.
    """
    path = Path(path)
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def experiments_dir() -> Path:
    """Return the folder of the experiments: in the package, or in the checkout."""
    return shipped("experiments")


def checkout() -> Path | None:
    """Return the top of the checkout that we run from, or None for an installed copy."""
    top = experiments_dir().parent
    return top if (top / "pyproject.toml").is_file() else None


def questions() -> list[Question]:
    """Return all questions, in the order of their numbers."""
    folders = sorted(experiments_dir().glob("q[0-9]_*/analysis.py"))
    return [Question(int(path.parent.name[1]), path.parent) for path in folders]


def question(number: int) -> Question:
    """Return a question by its number.

    Raises:
        UserError: there is none of this number.

    """
    found = {each.number: each for each in questions()}
    if number not in found:
        names = ", ".join(f"{each.number} ({each.name[3:]})" for each in found.values())
        raise UserError(f"there is no question {number}; the questions are {names}")
    return found[number]
