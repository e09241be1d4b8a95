"""What a worker must have: our versions, the storage, the data."""

import shutil
from dataclasses import replace

import pytest
from sweep_helpers import TINY, tiny_plan, write_plan

from bnstudy.cluster import needs as module
from bnstudy.cluster.needs import STORAGE, needs_of, objection
from bnstudy.sweep.plan import load_plan


@pytest.fixture
def needs(tmp_path):
    (tmp_path / "own.yaml").write_text("extends: cases/a\n")
    own = {**TINY, "config": "own.yaml", "name": "own"}
    return needs_of(load_plan(write_plan(tmp_path / "plan.yaml", [{**TINY, "case": "c"}, own])))


def test_a_machine_that_has_everything_is_admitted(needs):
    assert objection(needs) is None


@pytest.mark.parametrize("package", ["bnstudy", "tensorflow", "keras"])
def test_another_version_is_refused(needs, monkeypatch, package):
    ours = module.versions()
    monkeypatch.setattr(module, "versions", lambda: {**ours, package: "0.0.7"})
    assert objection(needs) == f"it has {package} 0.0.7, the client has {ours[package]}"


def test_another_commit_is_refused(needs, monkeypatch):
    monkeypatch.setattr(module, "git_state", lambda _: {"commit": "abc", "dirty": False})
    assert (objection(needs) or "").startswith("it has bnstudy's commit abc, the client has ")


@pytest.mark.parametrize("name", ["out", "own.yaml"])
def test_storage_that_is_not_shared_is_refused(needs, tmp_path, name):
    path = tmp_path / name
    shutil.move(path, tmp_path / "elsewhere")
    file = path / STORAGE if name == "out" else path
    assert objection(needs) == (
        f"it does not see {file} (No such file or directory); the folder must be shared"
    )
    file.parent.mkdir(exist_ok=True)
    file.write_text("of another machine")
    assert (objection(needs) or "").startswith(f"its {file} differs from the client's")


def test_data_that_are_not_there_are_refused(needs, tmp_path, monkeypatch):
    cifar10 = replace(needs, data=(("cifar10", None),))
    monkeypatch.setenv("BNSTUDY_DATA", str(tmp_path))
    assert (objection(cifar10) or "").startswith(
        f"$BNSTUDY_DATA: {tmp_path} does not contain CIFAR-10"
    )
    monkeypatch.delenv("BNSTUDY_DATA")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("bnstudy.data.cifar10.cache_dir", lambda: tmp_path)
    assert (objection(cifar10) or "").startswith("it does not find cifar10; set BNSTUDY_DATA or ")


def test_every_client_of_a_plan_gives_its_needs_the_same_name(tmp_path):
    plan = tiny_plan(tmp_path, 2)
    first, second = (needs_of(load_plan(plan)).name for _ in range(2))
    assert first == second
    (tmp_path / "out" / STORAGE).unlink()
    assert needs_of(load_plan(plan)).name != first, "another storage"
