"""Evaluations are made once, and again only when what they depend on has changed."""

import json

import pytest

import bnstudy
from bnstudy.errors import UserError
from bnstudy.questions.kept import is_kept, kept, untouched


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "result.json").write_text('{"epochs": 2, "test_accuracy": 0.5}')
    return folder


@pytest.fixture
def counted():
    calls = []

    def make():
        calls.append(1)
        return {"number": len(calls), "pair": (1, 2)}

    make.calls = calls
    return make


def test_an_evaluation_is_made_once_and_reads_as_it_was_returned(run, counted):
    first = kept(run, "found.json", counted)
    assert first == kept(run, "found.json", counted) == {"number": 1, "pair": [1, 2]}
    assert json.loads((run / "found.json").read_text())["found"] == first


def test_other_arguments_and_another_result_are_evaluated_anew(run, counted):
    def number(**arguments):
        return kept(run, "found.json", counted, arguments)["number"]

    assert [number(a=1), number(a=1), number(a=2), number(a=1), number(a=(1, 2))] == [1, 1, 2, 3, 4]
    assert number(a=[1, 2]) == 4
    (run / "result.json").write_text('{"epochs": 3, "test_accuracy": 0.5}')
    assert number(a=[1, 2]) == 5


def test_the_layout_of_result_json_does_not_matter(run, counted):
    kept(run, "found.json", counted)
    (run / "result.json").write_text('{"test_accuracy": 0.50,\r\n "epochs": 2}')
    assert kept(run, "found.json", counted)["number"] == 1


def test_nothing_is_written_to_a_run_that_must_stay_untouched(run, tmp_path, counted):
    before = sorted(run.iterdir())
    with untouched({run: tmp_path / "instead" / "run"}):
        assert [kept(run, "found.json", counted)["number"] for _ in range(2)] == [1, 1]
        assert sorted(run.iterdir()) == before
    assert kept(run, "found.json", counted)["number"] == 2


def test_an_evaluation_beside_an_untouched_run_is_used(run, tmp_path, counted):
    kept(run, "found.json", counted)
    with untouched({run: tmp_path / "instead"}):
        assert kept(run, "found.json", counted)["number"] == 1
    assert not (tmp_path / "instead").exists()


def test_what_is_to_be_kept_beside_the_runs_is_what_was_made(run, tmp_path, counted):
    def make():
        raise UserError("the run was published without weights")

    instead = tmp_path / "instead"
    with untouched({run: instead}) as files:
        for _ in range(2):
            kept(run, "found.json", counted)
        with pytest.raises(UserError):
            kept(run, "weights.json", make)
        assert files == {instead / "found.json": run / "found.json"}


def test_an_interrupted_evaluation_leaves_nothing(run):
    def make():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(run, "found.json", make)
    assert not (run / "found.json").exists()


def test_a_number_that_json_lacks_is_refused_before_anything_is_written(run):
    with pytest.raises(ValueError, match="JSON"):
        kept(run, "found.json", lambda: {"cost": float("nan")})
    assert not (run / "found.json").exists()


def test_a_damaged_file_is_one_line(run, counted):
    (run / "found.json").write_text('{"made_by": ')
    with pytest.raises(bnstudy.UserError, match=r"found\.json is damaged"):
        kept(run, "found.json", counted)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content | {"found": {**content["found"], "number": 7}},
        lambda content: content | {"found": {}},
        lambda content: content | {"found": [1]},
        lambda content: {key: content[key] for key in ("made_by", "found")},
        lambda content: {key: content[key] for key in ("made_by", "digest")},
    ],
)
def test_a_file_that_was_changed_is_refused_and_stays(run, counted, change):
    kept(run, "found.json", counted)
    text = json.dumps(change(json.loads((run / "found.json").read_text())))
    (run / "found.json").write_text(text)
    with pytest.raises(bnstudy.UserError, match=r"found\.json was changed after it had been made"):
        kept(run, "found.json", counted)
    assert (run / "found.json").read_text() == text


def test_the_layout_of_a_kept_file_does_not_matter(run, counted):
    kept(run, "found.json", counted)
    content = json.loads((run / "found.json").read_text())
    (run / "found.json").write_text(json.dumps(dict(reversed(content.items())), indent=7))
    assert kept(run, "found.json", counted)["number"] == 1


def test_an_evaluation_of_an_older_result_is_not_kept(run, tmp_path, counted):
    assert not is_kept(run, "found.json")
    kept(run, "found.json", counted, {"a": 1})
    assert is_kept(run, "found.json")
    assert not is_kept(run, "found.json", tmp_path)
    with untouched({run: tmp_path / "instead"}):
        kept(run, "other.json", counted)
    assert is_kept(run, "other.json", tmp_path / "instead")
    (run / "result.json").write_text('{"epochs": 3, "test_accuracy": 0.5}')
    assert not is_kept(run, "found.json")
    assert not is_kept(run, "other.json", tmp_path / "instead")
