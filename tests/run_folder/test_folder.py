"""Run folders: new, ours, in use, of another configuration, or something else entirely."""

import json
import os
import subprocess
import sys
import threading

import pytest

import bnstudy
from bnstudy.errors import UserError
from bnstudy.run_folder import files, folder
from bnstudy.run_folder.folder import claim, finished_result, holder_of, lock_of

CONFIG = bnstudy.load_config("c", ["quick"])
CLUTTER = [
    *(".DS_Store", "._config.yaml", "Icon\r", ".localized", "__MACOSX/._x"),
    *("Thumbs.db", "Desktop.ini", "~$notes.docx", ".~lock.metrics.csv#"),
    *(".directory", ".ipynb_checkpoints/x-checkpoint.py", ".nfs0001", ".Trash-1000/x"),
]


def refusal(path, config=CONFIG, **arguments):
    with pytest.raises(UserError) as caught, claim(path, config, **arguments):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def run_folder(tmp_path):
    """A folder that was claimed once."""
    with claim(tmp_path / "run", CONFIG):
        pass
    return tmp_path / "run"


def test_a_new_folder_gets_its_configuration_and_an_empty_log(tmp_path):
    with claim(tmp_path / "deep" / "run", CONFIG):
        names = {path.name for path in (tmp_path / "deep" / "run").iterdir()}
        assert names == {"config.yaml", "metrics.csv"}
        assert lock_of(tmp_path / "deep" / "run").exists()
        assert json.loads(holder_of(tmp_path / "deep" / "run").read_text())["pid"] == os.getpid()
    log = bnstudy.load_log(tmp_path / "deep" / "run")
    assert log.config == CONFIG
    assert not holder_of(tmp_path / "deep" / "run").exists()


def test_a_second_writer_is_told_who_holds_the_folder(run_folder):
    """Another process, or another thread of this one; --fresh does not take the folder from it."""
    messages = []
    with claim(run_folder, CONFIG):
        for fresh in (False, True):
            messages.append(refusal(run_folder, fresh=fresh))
            thread = threading.Thread(
                target=lambda fresh=fresh: messages.append(refusal(run_folder, fresh=fresh))
            )
            thread.start()
            thread.join()
    assert len(messages) == 4
    for message in messages:
        assert f"is in use by process {os.getpid()} on" in message
    with claim(run_folder, CONFIG):
        pass


@pytest.mark.parametrize("note", [None, "", "[]", '{"pid": 3}'])
def test_a_note_that_is_missing_or_half_written_names_another_process(run_folder, note):
    with claim(run_folder, CONFIG):
        holder_of(run_folder).unlink()
        if note is not None:
            holder_of(run_folder).write_text(note)
        assert "is in use by another process; wait or stop it" in refusal(run_folder)


def test_the_lock_of_a_killed_process_is_no_obstacle(run_folder):
    script = """
import os, signal, sys
from pathlib import Path
import bnstudy
from bnstudy.run_folder.folder import claim
with claim(Path(sys.argv[1]), bnstudy.load_config("c", ["quick"])):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", script, str(run_folder)], check=False)
    assert ended.returncode == -9
    assert holder_of(run_folder).exists()  # the killed process left its note; its lock is gone
    with claim(run_folder, CONFIG):
        assert json.loads(holder_of(run_folder).read_text())["pid"] == os.getpid()


def test_the_lock_is_released_whatever_ends_the_run(run_folder):
    for error in (UserError("x"), KeyboardInterrupt(), MemoryError()):
        with pytest.raises(type(error)), claim(run_folder, CONFIG):
            raise error
    with claim(run_folder, CONFIG):
        pass


@pytest.mark.parametrize("error", [UserError("refused"), KeyboardInterrupt(), MemoryError()])
def test_a_run_that_is_refused_before_its_training_leaves_its_place_as_it_was(tmp_path, error):
    """So the corrected command, which is of another configuration, can have the folder."""
    for fresh in (False, True):
        with pytest.raises(type(error)), claim(tmp_path / "run", CONFIG, fresh=fresh):
            raise error
        assert not (tmp_path / "run").exists()
    with claim(tmp_path / "run", bnstudy.load_config("a", ["quick"])):
        pass


def test_what_was_kept_aside_comes_back_if_the_new_run_is_refused(run_folder):
    (run_folder / "result.json").write_text("precious")
    with pytest.raises(UserError), claim(run_folder, CONFIG, fresh=True):
        raise UserError("refused")
    assert not run_folder.with_name("run.old-1").exists()
    assert (run_folder / "result.json").read_text() == "precious"


def _begin_and_fail(folder):
    (folder / "environment.json").write_text("{}")
    raise UserError("the cost became nan")


def test_a_folder_stays_once_its_run_has_begun_or_others_had_made_it(tmp_path, run_folder):
    with pytest.raises(UserError), claim(tmp_path / "begun", CONFIG):
        _begin_and_fail(tmp_path / "begun")
    with pytest.raises(UserError), claim(run_folder, CONFIG):
        raise UserError("refused")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / ".DS_Store").write_text("x")
    with pytest.raises(UserError), claim(tmp_path / "mine", CONFIG):
        raise UserError("refused")
    for place in (tmp_path / "begun", run_folder):
        assert (place / "config.yaml").is_file()
        assert bnstudy.load_log(place).config == CONFIG
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [".DS_Store"]


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("precious")
    for fresh in (False, True):
        message = refusal(tmp_path / "thesis", fresh=fresh)
        assert "is not a run folder (it contains thesis.tex); name a new folder" in message
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["thesis.tex"]
    assert (tmp_path / "thesis" / "thesis.tex").read_text() == "precious"


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "run").write_text("precious")
    for fresh in (False, True):
        message = refusal(tmp_path / "run", fresh=fresh)
        assert "run is a file; name a new folder with --out" in message
    assert (tmp_path / "run").read_text() == "precious"


def test_config_yaml_must_be_a_regular_file(tmp_path):
    (tmp_path / "run" / "config.yaml").mkdir(parents=True)
    assert "config.yaml is not a regular file" in refusal(tmp_path / "run")


@pytest.mark.parametrize("name", CLUTTER)
def test_files_that_other_programs_leave_are_no_obstacle(tmp_path, run_folder, name):
    for place in (tmp_path / "new", run_folder):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("x")
        with claim(place, CONFIG):
            assert bnstudy.load_log(place).config == CONFIG
        assert (place / name).read_text() == "x"
    assert finished_result(run_folder, CONFIG) is None


def test_what_a_killed_process_left_is_removed(run_folder):
    leftovers = [".metrics.csv.77.tmp", "checkpoints/.step-00000009.npz.77.tmp"]
    leftovers += ["epochs/.epoch-0009.npz.77.tmp", "tensorboard/.next.77.tmp"]
    for name in ("checkpoints", "epochs", "tensorboard"):
        (run_folder / name).mkdir()
    for name in leftovers:
        (run_folder / name).write_text("half")
    (run_folder / "notes.tmp").write_text("the user's own")
    with claim(run_folder, CONFIG):
        pass
    assert not any((run_folder / name).exists() for name in leftovers)
    assert (run_folder / "notes.tmp").exists()


def test_another_configuration_is_refused_and_the_keys_are_named(run_folder):
    other = bnstudy.load_config("c", ["quick"], overrides={"bn.momentum": 0.5, "seed": 3})
    message = refusal(run_folder, other)
    assert "(seed: 3 here, 0 there; bn.momentum: 0.5 here, 0.9 there)" in message
    assert "name a new folder with --out, or start over with --fresh" in message
    with pytest.raises(UserError, match=r"bn\.momentum: 0\.5 here"):
        finished_result(run_folder, other)


def test_a_run_whose_schedule_depends_on_its_epochs_is_not_extended(run_folder):
    """Renormalization opens its limits at parts of all steps."""
    one, three = (
        bnstudy.load_config("c", overrides={"bn.renorm": True, "training.epochs": epochs})
        for epochs in (1, 3)
    )
    files.write_text_atomic(run_folder / "config.yaml", one.to_yaml())
    assert finished_result(run_folder, one) is None
    assert "(training.epochs: 3 here, 1 there)" in refusal(run_folder, three)


def test_where_the_images_are_and_when_a_run_saves_may_change(run_folder):
    overrides = {"data.dir": "elsewhere", "checkpoint.every_steps": 5}
    with claim(run_folder, bnstudy.load_config("c", ["quick"], overrides=overrides)):
        pass


def test_fresh_takes_the_first_free_name_for_the_old_folder(run_folder):
    (run_folder.parent / "run.old-1").mkdir()
    (run_folder / "metrics.csv").write_text("precious")
    other = bnstudy.load_config("a", ["quick"])
    with claim(run_folder, other, fresh=True):
        assert bnstudy.load_log(run_folder).config == other
    assert (run_folder.parent / "run.old-2" / "metrics.csv").read_text() == "precious"


def test_a_process_killed_while_it_makes_a_folder_leaves_one_that_can_be_used(
    tmp_path, monkeypatch
):
    """metrics.csv is written first: without config.yaml, the folder belongs to no run yet."""
    write = files.write_bytes_atomic

    def killed(path, data):
        if path.name == "config.yaml":
            raise KeyboardInterrupt
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_bytes_atomic", killed)
        with pytest.raises(KeyboardInterrupt), claim(tmp_path / "run", CONFIG):
            pytest.fail("it was claimed")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["metrics.csv"]
    with claim(tmp_path / "run", CONFIG):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_parent_that_is_read_only_is_an_os_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError), claim(tmp_path / "run", CONFIG):
        pass


def test_a_folder_is_the_same_by_whatever_path_it_is_named(run_folder, monkeypatch):
    monkeypatch.chdir(run_folder.parent)
    with claim(folder.Path("run"), CONFIG):
        assert "is in use" in refusal(run_folder)


def test_an_extension_leaves_nothing_that_was_made_of_fewer_epochs(tmp_path):
    made_by = bnstudy.load_config("a", ["quick"], overrides={"training.epochs": 1})
    (tmp_path / "config.yaml").write_text(made_by.to_yaml())
    stale = ("result.json", "weights.npz", "evaluation.png", "mistakes.png")
    for name in (*stale, "metrics.csv"):
        (tmp_path / name).write_text("of one epoch")
    more = bnstudy.load_config("a", ["quick"], overrides={"training.epochs": 2})
    folder.extend(tmp_path, more)
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "metrics.csv"}
    assert bnstudy.load_config(file=tmp_path / "config.yaml") == more


@pytest.mark.parametrize(("synchronized", "accepted"), [(True, True), (False, False)])
def test_another_number_of_devices_continues_a_run_where_it_matters_as_little_as_rounding(
    tmp_path, synchronized, accepted
):
    def configured(devices):
        changes = {"bn.synchronized": synchronized, "training.devices": devices}
        return bnstudy.load_config("c", ["quick"], overrides=changes)

    path = tmp_path / "run"
    with claim(path, configured(2)):
        pass
    if accepted:
        with claim(path, configured(4)):
            pass
    else:
        assert "training.devices: 4 here, 2 there" in refusal(path, configured(4))
