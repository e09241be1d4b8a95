"""The public names of `bnstudy`, which cost nothing until they are used."""

import subprocess
import sys

import pytest

import bnstudy


def test_every_public_name_can_be_imported_again_and_again():
    for name in bnstudy.__all__:
        assert getattr(bnstudy, name) is getattr(bnstudy, name)
        assert name in dir(bnstudy)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bnstudy.nothing


def test_what_run_raises_can_be_caught_by_its_public_name():
    for name in ("UserError", "Interrupted"):
        assert issubclass(getattr(bnstudy, name), Exception)
        assert f"{name}:" in bnstudy.run.__doc__


def test_run_stays_a_function_once_something_has_run():
    """No module may have its name: importing one would replace the function."""
    import bnstudy.runner.loop
    import bnstudy.runner.training

    assert callable(bnstudy.run)
    assert callable(bnstudy.runner.run)


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, bnstudy; dir(bnstudy); print({'tensorflow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
