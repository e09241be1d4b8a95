"""Lesson 2: its blanks, its solutions, and the hint for each of the mistakes that people make."""

import ast
import re

import pytest
from notebook_helpers import (
    BUILD,
    LESSONS,
    lesson_text,
    new_code_cell,
    new_notebook,
    run,
    small,
    text_of,
)

LESSON = LESSONS["2_backprop_by_hand"]
ANSWERS = BUILD["solutions"](LESSON)
SMALL = {"STEPS": 20}

# (function, right, wrong, the gradient that is wrong, what the hint says)
MISTAKES = {
    "the mean of dy in place of its sum": (
        "short_backward",
        "np.sum(dy, axis=0)  # (14)",
        "np.mean(dy, axis=0)",
        "dbeta",
        "add up all paths, or average over them?",
    ),
    "x_hat forgotten in dgamma": (
        "scale_and_shift_backward",
        "np.sum(dy * x_hat, axis=0)",
        "np.sum(dy, axis=0)",
        "dgamma",
        "what multiplies gamma in (13)?",
    ),
    "gamma forgotten": (
        "short_backward",
        "gamma * dy",
        "dy",
        "dx",
        "what lies between y and x_hat?",
    ),
    "the statistics taken for constants": (
        "batch_norm_backward",
        "dx_direct + dx_variance + dx_mean",
        "dx_direct",
        "dx",
        "the mean and the variance depend on x, too",
    ),
    "the path through the variance forgotten": (
        "batch_norm_backward",
        "dx_direct + dx_variance + dx_mean",
        "dx_direct + dx_mean",
        "dx",
        "the one that forward computes last is taken for a constant",
    ),
    "each gradient at x written over the one before": (
        "batch_norm_backward",
        "dx_direct + dx_variance + dx_mean",
        "mean_backward(dmean_2, mean_cache)",
        "dx",
        "did a later one overwrite the earlier ones?",
    ),
    "the statistics' gradient taken over the features": (
        "short_backward",
        "dx_hat - np.mean(dx_hat, axis=0) - x_hat * np.mean(dx_hat * x_hat, axis=0)",
        "dx_hat - np.mean(dx_hat) - x_hat * np.mean(dx_hat * x_hat)",
        "dx",
        "over which elements does forward take a mean?",
    ),
    "x_hat forgotten in the second mean": (
        "short_backward",
        "np.mean(dx_hat * x_hat, axis=0)",
        "np.mean(dx_hat, axis=0)",
        "dx",
        "look at the path through the variance",
    ),
    "dgamma and dbeta not summed": (
        "scale_and_shift_backward",
        "np.sum(dy * x_hat, axis=0)",
        "dy * x_hat",
        "dgamma",
        "the sum is missing over the axes along which it was broadcast; see (15)",
    ),
    "the sign of the mean's derivative": (
        "normalize_backward",
        "-r * np.sum",
        "r * np.sum",
        "dmean",
        "the form is right, the sign is not",
    ),
    "0, which dmean is in the real layer": (
        "variance_backward",
        "-2 / m * np.sum(x - mean, axis=0) * dvariance",
        "np.zeros(len(mean))",
        "dmean",
        "here, mean is any row, not that of x",
    ),
    "a sum over the columns in place of nothing": (
        "variance_backward",
        "2 / m * (x - mean) * dvariance",
        "np.sum(2 / m * (x - mean) * dvariance, axis=0)",
        "dx",
        "its shape is [4], not [6, 4]; see (17c)",
    ),
    "the mean over a row as well": (
        "mean_backward",
        "dmean / m",
        "dmean / np.prod(shape)",
        "dx",
        "the form is right, a constant is not",
    ),
    "the mean over the images and pixels": (
        "conv_backward",
        "np.tensordot(covered, dy, ([0, 1, 2], [0, 1, 2]))",
        "np.tensordot(covered, dy, ([0, 1, 2], [0, 1, 2])) / dy[..., 0].size",
        "dw",
        "add up all paths, or average over them?",
    ),
    "the path through the mean forgotten": (
        "short_backward",
        "dx_hat - np.mean(dx_hat, axis=0) -",
        "dx_hat -",
        "dx",
        "the one that forward computes first is taken for a constant",
    ),
    "the standard deviation in place of its inverse": (
        "short_backward",
        "dx = r * (",
        "dx = 1 / r * (",
        "dx",
        "is r the standard deviation, or one over it?",
    ),
    "the sign of the variance's derivative": (
        "normalize_backward",
        "-0.5 * r**3",
        "0.5 * r**3",
        "dvariance",
        "the form is right, the sign is not",
    ),
    "the kernel turned the wrong way": (
        "conv_backward",
        "dy @ w[a, b].T",
        "dy @ w[2 - a, 2 - b].T",
        "dx",
        "which way round does the kernel meet an output?",
    ),
    "the author's slope of 2": (
        "elu_backward",
        "np.where(y > 0, 1, y + 1)",
        "np.where(y > 0, 2, y + 1)",
        "dx",
        "what is the slope on each side of 0",
    ),
    "the pool not divided by 4": (
        "pool_backward",
        " / 4",
        "",
        "dx",
        "the form is right, a constant is not",
    ),
    "the cost not divided by N": (
        "cost_backward",
        " / len(labels)",
        "",
        "dlogits",
        "mind the 1/N",
    ),
    "a layer forgotten": (
        "network_backward",
        'dx = elu_backward(rows.reshape(dx.shape), caches["elu"])',
        "dx = rows.reshape(dx.shape)",
        "dw1",
        "the dx of a layer is the dy of the layer before it",
    ),
}


def check_cell(notebook, function):
    """Return the cell that checks a function."""
    cells = [c for c in notebook.cells if f", {function}, " in c.source and "check(" in c.source]
    assert len(cells) == 1, function
    return cells[0]


@pytest.fixture(scope="module")
def unfilled(kernel):
    notebook = small(BUILD["load"](LESSON), SMALL)
    run(notebook, kernel)
    return notebook


@pytest.fixture(scope="module")
def filled(kernel):
    """Run the lesson with its solutions; their names stay defined in the kernel."""
    notebook = small(BUILD["solved"](BUILD["load"](LESSON), ANSWERS), SMALL)
    run(notebook, kernel)
    return notebook


def test_with_the_blanks_empty_every_cell_runs_and_every_gradient_has_its_own_hint(unfilled):
    text = lesson_text(unfilled)
    assert "see Notation" not in text
    assert "\nright\n" not in text
    assert text.count("not written yet") == 18  # and the convolution and the network, which run
    assert "the blanks above are still empty" in text


def test_with_the_solutions_every_check_says_right_and_the_network_learns(filled):
    text = lesson_text(filled)
    assert text.count("\nright\n") == len(ANSWERS)
    assert text.count("WRONG") == 1  # the example with a mistake
    assert "the blanks above are still empty" not in text
    first, last = (float(word.rstrip(",")) for word in text.split()[-6:] if "." in word)
    assert last < first


def test_every_blank_is_checked(filled):
    for function in ANSWERS:
        check_cell(filled, function)


@pytest.fixture(scope="module")
def answers_to_mistakes(filled, kernel):
    """Make all mistakes in one notebook, each undone before the next; return what is answered."""
    cells, checks = [], {}
    for mistake, (function, right, wrong, *_) in MISTAKES.items():
        assert ANSWERS[function].count(right) == 1, mistake
        damaged = ANSWERS[function].replace(right, wrong)
        checks[mistake] = new_code_cell(check_cell(filled, function).source)
        cells += [new_code_cell(damaged), checks[mistake]]
        cells.append(new_code_cell(ANSWERS[function]))
    BUILD["run"](new_notebook(cells=cells), LESSON.parent, kernel)
    return {mistake: text_of(cell) for mistake, cell in checks.items()}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_typical_mistake_gets_a_fitting_hint(answers_to_mistakes, mistake):
    *_, gradient, hint = MISTAKES[mistake]
    lines = re.sub(r"\n +", " ", answers_to_mistakes[mistake]).splitlines()
    hints = [line for line in lines if line.startswith(f"{gradient}: ")]
    assert len(hints) == 1, lines
    assert hint in hints[0]


def test_no_line_of_an_answer_is_so_long_that_a_notebook_breaks_it(answers_to_mistakes):
    for answer in answers_to_mistakes.values():
        assert max(map(len, answer.splitlines())) <= 76, answer


def test_an_error_names_the_function_and_not_the_file_of_its_cell(filled, kernel):
    broken = ANSWERS["conv_backward"].replace("w[a, b].T", "w[a, b]")
    check = new_code_cell(check_cell(filled, "conv_backward").source)
    cells = [new_code_cell(broken), check, new_code_cell(ANSWERS["conv_backward"])]
    BUILD["run"](new_notebook(cells=cells), LESSON.parent, kernel)
    line = 1 + broken[: broken.index("@ w[a, b]")].count("\n")
    assert text_of(check).startswith(f"conv_backward, line {line} of its cell: backward raised ")


def test_no_hint_gives_a_solution_away(answers_to_mistakes):
    """No line of a solution, whitespace aside, is in an answer."""
    for answer in answers_to_mistakes.values():
        for source in ANSWERS.values():
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Assign) and len(ast.unparse(node.value)) > 12:
                    assert ast.unparse(node.value) not in answer
