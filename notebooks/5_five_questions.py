# %% [markdown]
# # Lesson 5: five questions, and an experiment of your own
#
# The blog post that bnstudy reproduces asks five questions about batch normalization, and answers
# them from a few runs. In this lesson you look at runs that were published with bnstudy, see how a
# question becomes something that can be decided, and then run a small experiment of your own, whose
# threshold you write down before you see a number.
#
# You should have done lesson 1. Running everything takes about three minutes on two processor
# cores.

# %% [markdown]
# ## The questions
#
# Each question has a folder in `experiments/`. Its README.md states the claims, what is measured,
# and the thresholds that decide. These were written before the runs.

# %%
import json

from bnstudy.paths import shipped

folders = sorted(shipped("experiments").glob("q[1-5]_*"))
for folder in folders:
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    print(lines[0].lstrip("# "))

# %% [markdown]
# Why thresholds, and why beforehand? Because after the runs one always finds a way of looking at
# the numbers that supports what one hoped. Compare two ways of asking question 1:
#
# - "Does batch norm generalize better?" Better in accuracy, in cost, at the last epoch, at the best
#   epoch, at equal training accuracy? Among so many, one will say yes.
# - "The test accuracy with batch norm minus that without it, after the last epoch, over the seeds:
#   is its 95 % interval above 0?" That can be answered with no.
#
# These are the verdicts so far. A question without one is still open: its runs have not finished.

# %%
from collections import Counter

for folder in folders:
    file = folder / "verdict.json"
    if file.exists():
        claims = json.loads(file.read_text(encoding="utf-8"))["claims"]
        counts = Counter(claim["verdict"] for claim in claims)
        answer = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    else:
        answer = "not judged yet"
    print(f"{folder.name:<22} {answer}")

# %% [markdown]
# ## Published runs
#
# The first runs that were published with bnstudy are those of the three cases. Here they are, case
# by case: CIFAR-10 at a quarter of the width (`lite`), and the digits (`digits`).

# %%
from pathlib import Path

import numpy as np

import bnstudy

PUBLISHED = Path("published") if Path("published").is_dir() else shipped("logs") / "published"


def published(name):
    """Return the logs of all runs in a folder of published runs."""
    results = sorted((PUBLISHED / name).glob("*/result.json"))
    return [bnstudy.load_log(result.parent) for result in results]


for name in ("lite", "digits"):
    print(f"\n{name:<62} training   test     gap")
    for log in published(name):
        train, test = (log.result[f"{split}_accuracy"] for split in ("train", "test"))
        print(f"{log.folder.name:<62} {train:.4f}   {test:.4f}  {train - test:7.4f}")

# %% [markdown]
# The name of a run says how it differs from its case. `training.precision` is how many bits the
# computer spends on a number, which is not our subject; `model.batch_norm=none` is a case c without
# batch norm.
#
# *Look at the gap between training and test accuracy in `lite`, without batch norm (case a, and
# that case c) and with it (b, and the other c). Does batch norm regularize, as the post says?*
#
# Be careful: with batch norm the training accuracy is higher as well. A network that has learned
# more has a larger gap, whatever regularizes it. That is why question 1 compares networks that have
# *both* learned all of their training images.
#
# ## How large is chance?
#
# The digits have three seeds for each case. The standard deviation over the seeds tells how much
# chance there is in a single run.

# %%
for case in "abc":
    tests = [log.result["test_accuracy"] for log in published("digits") if log.config.case == case]
    print(
        f"case {case}: {np.mean(tests):.3f} +- {np.std(tests, ddof=1):.3f} over {len(tests)} seeds"
    )

bnstudy.plot(PUBLISHED / "digits", metric=["train_accuracy", "test_accuracy"])

# %% [markdown]
# Each standard deviation is more than one percent, from three seeds, so it is itself not known
# well. A difference of one percent between two single runs on the digits means nothing.

# %% [markdown]
# ## An experiment of your own
#
# It is often said that batch norm permits larger learning rates. Let us put that to a test that is
# small enough for this lesson.
#
# - **Claim.** At a learning rate of 0.02, twenty times that of `quick`, the network with batch norm
#   (case b) learns the digits in three epochs, and the network without it (case a) does not.
# - **Statistic.** The training accuracy of the third epoch, b minus a, for the same seed.
# - **Threshold.** The claim holds if the difference is at least 0.2 for *every* seed. It fails if
#   it is below 0.2 for every seed. Otherwise it is undecided.
#
# The threshold stands in the cell below. Change it if you like, but **before** you run the cell
# after it. And write down your guess.

# %%
THRESHOLD = 0.2
SEEDS = [0, 1]
EPOCHS = 3
LIMIT = None  # training images; None is all 1,437


def judge(differences, threshold):
    """Return the verdict on the claim that all differences reach the threshold."""
    reached = [difference >= threshold for difference in differences]
    return "holds" if all(reached) else "undecided" if any(reached) else "fails"


# %%
def accuracy(case, seed):
    """Train once, and return the training accuracy of the last epoch."""
    config = bnstudy.load_config(
        case=case,
        presets=["quick"],
        overrides={
            "seed": seed,
            "training.epochs": EPOCHS,
            "data.train_limit": LIMIT,
            "optimizer.learning_rate": 0.02,
            "training.on_divergence": "record",  # a cost that is not finite is no error here
        },
    )
    print(f"case {case}, seed {seed}")
    return bnstudy.run(config, f"logs/fast-{case}-{seed}")["train_accuracy"]


differences = [accuracy("b", seed) - accuracy("a", seed) for seed in SEEDS]
print(f"b minus a: {np.round(differences, 3)}; the claim {judge(differences, THRESHOLD)}")

# %%
bnstudy.plot(
    [f"logs/fast-{case}-{seed}" for case in "ab" for seed in SEEDS],
    metric=["train_accuracy", "test_accuracy"],
)

# %% [markdown]
# (A cost that stays at 2.30 is $\log 10$, that of guessing among ten digits: nothing is learned.)
#
# Whatever the verdict, mind what it does *not* say. Two seeds, one learning rate, one small data
# set, three epochs. Would case a have learned with a few hundred steps of small learning rates
# first? Is it the network, or the initial weights, that cannot stand the rate? Question 2 in
# `experiments/` asks this properly, with a sweep over learning rates.
#
# ## What next?
#
# Think of a claim about batch norm that you believe, and that four short runs could refute. Write
# down claim, statistic and threshold, in this order. Then change the two cells above. Some ideas:
#
# - With batches of 4 images (`training.batch_size`), batch norm is worse than nothing.
# - The place matters more than whether there is one (`bn.placement`).
# - Without gamma and beta (`bn.scale`, `bn.center`) it works as well.
#
# `bnstudy question 5 --no-training` prints a verdict in full, with every threshold.
