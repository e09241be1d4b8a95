"""Hints for a student: which gradient, which term to think about; never the solution."""

from dataclasses import replace

from bnstudy.gradient_check.own_layer.report import FAIL, Row

WHERE = "docs/backprop.md"

# (template, gradient) -> what to think about, and the equations
HINTS = {
    ("batch_norm", "dbeta"): (
        "beta is added to every element of its column: add up all paths",
        "(14)",
    ),
    ("batch_norm", "dgamma"): ("what multiplies gamma in (13)? Add up all paths", "(15)"),
    ("batch_norm", "dx"): (
        "x reaches y on three paths: directly, through the mean, through the variance",
        "(16) to (17)",
    ),
    ("conv2d", "dx"): ("which outputs does an input reach, and with which weight?", "(3)"),
    ("conv2d", "dw"): ("a weight is used at every position of every image", "(2)"),
    ("elu", "dx"): ("what is the slope on each side of 0, and can y tell it?", "(5)"),
    ("average_pool", "dx"): (
        "each input lies in one window: in which, and how much does it count there?",
        "(7)",
    ),
    ("softmax_cross_entropy", "dlogits"): (
        "take the slopes of log-sum-exp and of the label's own logit, and mind the 1/N",
        "(24)",
    ),
    ("dense", "dx"): (
        "x enters every column of y, each with one column of w",
        "(3), with one pixel,",
    ),
    ("dense", "dw"): ("w is used once for every example: add up", "(2), with one pixel,"),
    ("dense", "db"): ("b is added to every example: add up all paths", "(14)"),
    # Batch norm in four steps, as notebooks/2_backprop_by_hand.py takes them, and its network.
    ("scale_and_shift", "dx_hat"): ("what lies between y and x_hat?", "(16)"),
    ("scale_and_shift", "dgamma"): ("what multiplies gamma in (13)? Add up all paths", "(15)"),
    ("scale_and_shift", "dbeta"): (
        "beta is added to every element of its column: add up all paths",
        "(14)",
    ),
    ("normalize", "dx"): ("what multiplies x where mean and variance are given?", "(17c)"),
    ("normalize", "dmean"): ("every element of the column uses the mean: add up", "(17b)"),
    ("normalize", "dvariance"): (
        "what is the slope of r, and what multiplies r? The whole column uses it: add up",
        "(17a)",
    ),
    ("variance", "dx"): (
        "what is the slope of a square, and how much does each square count in their mean?",
        "(17c)",
    ),
    ("variance", "dmean"): ("every element of the column uses the mean: add up", "(17b)"),
    ("mean", "dx"): ("how much does one element count in the mean of its column?", "(17c)"),
    **{
        ("network", gradient): (
            "the dx of a layer is the dy of the layer before it, and each needs its own cache",
            "(25)",
        )
        for gradient in ("dx", "dw1", "dgamma", "dbeta", "dw2")
    },
}

# Where 0 everywhere has a reason of its own
ZEROS = {
    ("batch_norm", "dx"): "were all paths added up, or did a later one overwrite the earlier ones?",
    ("variance", "dmean"): "here, mean is any row, not that of x",
}

# Gradients without a sum: there, a factor such as 1/N is only a constant
NO_SUM = {
    ("average_pool", "dx"),
    ("elu", "dx"),
    ("mean", "dx"),
    ("normalize", "dx"),
    ("scale_and_shift", "dx_hat"),
    ("softmax_cross_entropy", "dlogits"),
    ("variance", "dx"),
}
AVERAGE = "mean instead of"

# Words of a mistake's name -> the place to look at
TERMS = (
    ("both paths", "the mean and the variance depend on x, too", "(17a) and (17b)"),
    (
        "path through the variance",
        "of the mean and the variance, the one that forward computes last is taken for a constant",
        "(17a)",
    ),
    (
        "path through the mean",
        "of the mean and the variance, the one that forward computes first is taken for a constant",
        "(17b)",
    ),
    ("x-hat term", "look at the path through the variance, at its factors", "(17a)"),
    ("mean term", "look at the path through the mean, at its factors", "(17b)"),
    ("direct term", "look at the direct path", "(17c)"),
    ("gamma is forgotten", "what lies between y and x_hat?", "(16)"),
    ("gamma is applied twice", "how often does gamma lie between y and x_hat?", "(16)"),
    ("its means are taken over", "over which elements does forward take a mean?", "(10)"),
    ("divided by m", "look at every 1/m", "(17d) and (17e)"),
    ("division by m", "look at every 1/m", "(17d) and (17e)"),
    ("standard deviation", "is r the standard deviation, or one over it?", "(12)"),
    ("epsilon", "where does the forward pass add epsilon?", "(12)"),
    (AVERAGE, "add up all paths, or average over them?", ""),
    ("constant factor", "the form is right, a constant is not", ""),
    ("the sign", "the form is right, the sign is not", ""),
    ("rotated by", "which way round does the kernel meet an output?", ""),
    ("transposed", "write the shapes beside the product", ""),
    ("factor dcost", "what arrives from above? The chain rule has one more factor", ""),
    ("labels are not", "where do the labels enter?", ""),
    ("dy is passed on", "the layer has a slope of its own", ""),
    ("factor dy", "how does the cost depend on y? The chain rule has one more factor", ""),
)


def instead(
    rows: list[Row], problems: list[str], template: bool | str
) -> tuple[list[Row], list[str]]:
    """Put hints in the place of the mistakes' names.

    Args:
        rows: with names of mistakes.
        problems: of the call as a whole; a wrong order of the cache is only hinted at.
        template: its name; True for general hints.

    Returns:
        The rows and the problems, as a student should see them.

    """
    hinted = [replace(r, mistake=_hint(r, template)) if r.verdict == FAIL else r for r in rows]
    shown = [
        "think about the order in which backward unpacks the cache" if "unpacks" in text else text
        for text in problems
    ]
    return hinted, shown


def _hint(row: Row, template: bool | str) -> str:
    key = str(template), row.gradient
    text, equation = HINTS.get(key, ("add up all paths", "Notation"))
    if "is None" in row.mistake:
        text = f"not written yet: {text}"
    elif "0 everywhere" in row.mistake:
        text = f"it is 0 everywhere: {ZEROS.get(key, text)}"
    elif row.elements == 0:  # a wrong shape is no secret
        text = row.mistake.partition("; its numbers")[0]
    else:
        told = [
            (hint, where or equation)
            for word, hint, where in TERMS
            if word in row.mistake and not (word == AVERAGE and key in NO_SUM)
        ]
        text, equation = (told or [(text, equation)])[0]
    return f"{text}{' See' if text.endswith('?') else '; see'} {equation} in {WHERE}"
