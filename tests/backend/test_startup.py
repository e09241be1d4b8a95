"""TensorFlow's start: quiet, with our settings, and refused where a fork has broken it."""

import os
import signal
import subprocess
import sys

import pytest

import bnstudy
from bnstudy.backend import startup
from bnstudy.backend.startup import import_tensorflow
from bnstudy.errors import UserError

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python's own advice against it
def test_after_a_fork_of_tensorflow_a_run_is_refused_in_one_line(tmp_path):
    import_tensorflow()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # not to wait for ever for threads that do not exist
        try:
            bnstudy.run(bnstudy.load_config("a", ["quick"]), tmp_path / "run")
        except bnstudy.UserError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    assert 'multiprocessing.get_context("spawn")' in said
    assert "\n" not in said
    assert not (tmp_path / "run").exists()


@pytest.mark.thorough
@needs_fork
def test_a_fork_of_a_process_that_has_only_imported_bnstudy_runs(tmp_path):
    script = """
import multiprocessing, sys, bnstudy
overrides = {"model.width": 0.05, "training.epochs": 1, "training.batch_size": 20}
overrides |= {"data.train_limit": 20, "data.test_limit": 20}
config = bnstudy.load_config("a", ["quick"], overrides=overrides)
fork = multiprocessing.get_context("fork")
process = fork.Process(target=bnstudy.run, args=(config, sys.argv[1]))
process.start()
process.join(120)
print(process.exitcode, "tensorflow" in sys.modules)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "run")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=150)
    assert ended.stdout == "0 False\n", ended.stderr
    assert bnstudy.load_log(tmp_path / "run").result["epochs"] == 1


def test_tensorflow_that_cannot_be_loaded_is_one_line(monkeypatch, capfd):
    """TensorFlow's own output is not shown; standard error works afterwards."""

    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "tensorflow":
                os.write(2, b"noise of a library\n")
                raise ImportError("libfoo.so: cannot allocate\nmemory")

    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(UserError, match="TensorFlow cannot be loaded: libfoo") as caught:
        import_tensorflow()
    assert "\n" not in str(caught.value)
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


def test_a_failure_of_another_kind_shows_what_was_printed(monkeypatch, capfd):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "tensorflow":
                os.write(2, b"the reason\n")
                raise RuntimeError("broken")

    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(RuntimeError):
        import_tensorflow()
    assert capfd.readouterr().err == "the reason\n"


def test_the_users_own_settings_win(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    import_tensorflow()  # it is loaded already: a setting would come too late, and would be a lie
    assert "TF_ENABLE_ONEDNN_OPTS" not in os.environ
    monkeypatch.delitem(sys.modules, "tensorflow")
    monkeypatch.setattr(sys, "meta_path", [])  # it cannot be found
    with pytest.raises(UserError):
        import_tensorflow()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"


def test_full_disks_do_not_prevent_the_start(monkeypatch, capfd):
    def full():
        raise OSError("No space left")

    monkeypatch.setattr(startup.tempfile, "TemporaryFile", full)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(sys, "meta_path", [])  # it cannot be found
    with pytest.raises(UserError, match="TensorFlow cannot be loaded"):
        import_tensorflow()
