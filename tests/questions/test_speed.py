"""What is left to do, and how fast this machine does it."""

import pytest

from bnstudy.config.load import load_config
from bnstudy.questions import speed
from bnstudy.questions.find import question
from bnstudy.questions.speed import Speed, Work, work_left
from bnstudy.run_folder.log import read_metrics, write_metrics
from bnstudy.sweep import load_plan


def test_unfinished_epochs_count_with_their_copies_and_tests(toy, finish):
    plan = (
        (toy / "plan.yaml").read_text().replace("epochs: [1]", "epochs: [5], data.augment: [true]")
    )
    (toy / "plan.yaml").write_text(plan)
    runs = load_plan(question(3).plan)
    assert work_left(runs) == Work(2 * 5 * 40 * 2, 2 * 5 * 20)
    runs[0].folder.mkdir(parents=True)
    (row,) = read_metrics(finish("x", 0) / "case-c_seed-0" / "metrics.csv")
    write_metrics(runs[0].folder, [row, row._replace(epoch=2, images=2 * row.images)])
    assert work_left(runs) == Work((3 + 5) * 40 * 2, (3 + 5) * 20)


def test_time_is_images_over_speed():
    assert Speed(100, 400).seconds(1000, 800) == 12


@pytest.mark.thorough
def test_the_speed_is_measured_in_a_process_of_its_own():
    config = load_config("c", ["quick"], overrides={"model.width": 0.05})
    found = speed.measured(config)
    assert 100 < found.training < found.test < 1e6


def test_a_failure_to_measure_is_not_silent():
    config = load_config("c", ["quick"]).model_copy(update={"case": "z"})
    with pytest.raises(RuntimeError, match=r"measuring the speed failed: .*'z'"):
        speed.measured(config)
