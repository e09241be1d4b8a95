"""The rules of this repository: names, imports, lengths of files, and the files of other tools."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import mutations
import pytest
import yaml

import bnstudy

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "bnstudy"
FILES = sorted(SOURCE.rglob("*.py"))
FOLDERS = sorted({path.parent for path in FILES})
MOST_LINES_OF_A_FILE = 320
MOST_LINES_OF_A_FUNCTION = 60

# Files with logic whose tests have another name: they are tested through what uses them.
TEMPLATES = ("average_pool", "batch_norm", "conv2d", "dense", "elu", "softmax_cross_entropy")
TESTED_ELSEWHERE = {
    "data/packagings/png.py": "data/packagings/test_png_folder.py",
    "gradient_check/own_layer/row.py": "gradient_check/own_layer/test_check.py",
    **{
        f"gradient_check/own_layer/templates/{layer}.py": "gradient_check/own_layer/test_file.py"
        for layer in TEMPLATES
    },
    "manual/checks.py": "manual/test_argument_checks.py",
    "manual/precision.py": "manual/test_elu.py",
    "manual/sums.py": "manual/test_batch_norm.py",
    "runner/loop.py": "runner/test_run.py",
}


def below_source(path):
    return str(path.relative_to(SOURCE))


def functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("folder", FOLDERS, ids=below_source)
def test_every_folder_says_what_is_in_it_and_what_it_may_import(folder):
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree) or ""
    assert docstring.partition("\n")[0].endswith(".")
    assert "import" in docstring.lower()


def test_no_file_is_longer_than_a_reader_can_keep_in_mind():
    lengths = {below_source(path): len(path.read_text().splitlines()) for path in FILES}
    assert {path: n for path, n in lengths.items() if n > MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_longer_than_a_screen():
    lengths = {
        f"{below_source(path)}: {function.name}": function.end_lineno - function.lineno + 1
        for path in FILES
        for function in functions(path)
    }
    assert {name: n for name, n in lengths.items() if n > MOST_LINES_OF_A_FUNCTION} == {}


def test_every_source_file_with_logic_has_a_test_file_of_its_name():
    missing = [
        below_source(path)
        for path in FILES
        if not path.name.startswith("__")
        and functions(path)
        and below_source(path) not in TESTED_ELSEWHERE
        and not (ROOT / "tests" / path.relative_to(SOURCE)).with_name(f"test_{path.name}").exists()
    ]
    assert missing == []


def test_the_exceptions_are_still_needed():
    for path, test in TESTED_ELSEWHERE.items():
        assert (SOURCE / path).exists(), path
        assert (ROOT / "tests" / test).exists(), test
        own = (ROOT / "tests" / path).with_name(f"test_{Path(path).name}")
        assert not own.exists(), own


@pytest.mark.parametrize("folder", FOLDERS, ids=below_source)
def test_no_module_has_the_name_of_a_public_function_beside_it(folder):
    """Importing `bnstudy.run` as a package would replace the function `bnstudy.run`."""
    modules = {path.stem for path in folder.glob("*.py")} | {
        path.name for path in FOLDERS if path.parent == folder
    }
    public = {function.name for function in functions(folder / "__init__.py")}
    if folder == SOURCE:
        public |= set(bnstudy.__all__)
    assert modules & public == set()


@pytest.mark.parametrize("path", FILES, ids=below_source)
def test_annotations_are_evaluated(path):
    """Python 3.11 needs no `from __future__ import annotations`, so no file has it."""
    assert "from __future__" not in path.read_text(encoding="utf-8")


def test_configuration_logs_figures_plans_and_commands_are_imported_without_tensorflow():
    """So that --help and a wrong argument answer at once."""
    modules = [
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in FILES
        if path.parts[len(SOURCE.parts)]
        in ("cli", "cluster", "config", "plots", "questions", "report", "run_folder", "sweep")
    ]
    assert len(modules) > 20
    code = (
        "import importlib, sys\n"
        "for module in sys.argv[1:]:\n"
        "    importlib.import_module(module)\n"
        "    assert not {'tensorflow', 'keras'} & set(sys.modules), module\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "file", [".github/workflows/ci.yml", ".pre-commit-config.yaml", "CITATION.cff"]
)
def test_the_files_of_other_tools_are_yaml(file):
    assert yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))


def test_the_continuous_integration_runs_every_check_on_every_supported_python():
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["checks"]
    assert job["steps"][-1]["run"] == ".ci/run"
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert oldest == f">={job['strategy']['matrix']['python-version'][0]}"
    checks = (ROOT / ".ci/run").read_text()
    for check in ("ruff format --check", "ruff check", "lint-imports", "mypy", "mutations.py"):
        assert check in checks


def test_what_pytest_leaves_out_by_default_is_run_by_the_continuous_integration():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    left_out = re.findall(r"not (\w+)", options["addopts"])
    assert "thorough" in left_out
    checks = (ROOT / ".ci/run").read_text()
    for marker in left_out:
        assert re.search(rf"bin/pytest -m .*\b{marker}\b", checks), marker


def test_every_mistake_still_fits_the_code_and_names_a_test():
    """Not all of them are tried every time."""
    rows = mutations.load_rows([])
    assert len(rows) > 500
    assert [reason for row in rows if (reason := mutations.stale(row))] == []


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == bnstudy.__version__
    assert [entry["year"] for entry in citation["references"]] == [2018, 2015, 2018]


def test_every_hook_of_pre_commit_calls_a_tool_of_this_project():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    test_extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]["test"]
    for hook in hooks[0]["hooks"]:
        tool = hook["entry"].split()[0]
        name = {"lint-imports": "import-linter"}.get(Path(tool).name, Path(tool).name)
        if tool.startswith(".venv/bin/"):
            assert any(need.startswith(f"{name}>=") for need in test_extra), tool
        else:
            assert (ROOT / tool).exists(), tool


@pytest.mark.parametrize(("length", "accepted"), [(72, True), (73, False)])
def test_a_subject_has_at_most_72_characters(tmp_path, length, accepted):
    message = tmp_path / "message"
    message.write_text("é" * length + "\n\n" + "b" * 100 + "\n", encoding="utf-8")
    ended = subprocess.run([ROOT / ".ci/commit-msg", message], capture_output=True, text=True)
    assert (ended.returncode == 0) is accepted
    assert ended.stderr.count("\n") == (0 if accepted else 1)
